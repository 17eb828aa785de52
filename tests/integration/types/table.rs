//! One row per type: under which name its secret is set, the value with the secret in it, and
//! texts that a value of its kind is taken for.

/// What a secret's format says of its own, and so which changes make it none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A checksum of its own: one other character, and it is none.
    Checked,
    /// A length and an alphabet.
    Shaped,
    /// What stands around it.
    Free,
}

use Kind::{Checked, Free, Shaped};

/// How a type's secrets are written.
pub(super) struct Row {
    pub(super) secret_type: &'static str,
    /// The setting that the value belongs to.
    pub(super) name: &'static str,
    /// Values, the secret between `<<` and `>>`.
    pub(super) values: &'static [(&'static str, Kind)],
    /// The part of the value that makes its host one of the service.
    pub(super) host: Option<&'static str>,
    /// Values that are none, beside those that are made from the others.
    pub(super) near_misses: &'static [&'static str],
}

const fn row(
    secret_type: &'static str,
    name: &'static str,
    values: &'static [(&'static str, Kind)],
    host: Option<&'static str>,
    near_misses: &'static [&'static str],
) -> Row {
    Row {
        secret_type,
        name,
        values,
        host,
        near_misses,
    }
}

pub(super) const ROWS: &[Row] = &[
    row(
        "aws-access-key",
        "AWS_SECRET_ACCESS_KEY",
        &[
            ("<<{aws-secret}>>", Shaped),
            ("{aws-key-id}:<<{aws-secret}>>", Shaped),
        ],
        None,
        &[
            "{hex40}",
            "{aws-key-id}",
            "AKIAIOSFODNN7EXAMPLE:{aws-secret}",
            "x{aws-key-id}:x{aws-secret}",
            "aaaaaaaaaaaaaaaaaaaaAAAAAAAAAAAAAAAAAAA1",
        ],
    ),
    row(
        "aws-s3-presigned-url",
        "DOWNLOAD_URL",
        &[
            ("<<{s3-presigned-v4}>>", Free),
            ("<<{s3-presigned-v4-path-style}>>", Free),
            ("<<{s3-presigned-v2}>>", Free),
        ],
        None,
        &[
            "{s3-presigned-v4-other-service}",
            "{s3-presigned-v4}0",
            "https://a.s3.amazonaws.com/k?X-Amz-Signature={hex40}",
            "https://a.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={hex40}{hex40}",
            "https://a.s3.amazonaws.com/k?AWSAccessKeyId={aws-key-id}&Expires=1700000000",
            "https://a.s3.amazonaws.com/k?AWSAccessKeyId={aws-key-id}&Signature=abc&Expires=1700000000",
            "https://mws.amazonservices.com/?AWSAccessKeyId={aws-key-id}&SignatureMethod=HmacSHA256&Signature=x&Expires=1700000000",
            "https://a.s3.amazonaws.com/k?X-Amz-Signature=<signature>",
            "https://a.s3.amazonaws.com/k?AWSAccessKeyId=${ID}&Expires=1700000000&Signature=${SIG}",
            "{google-signed-v4}",
        ],
    ),
    row(
        "amazon-mws-auth-token",
        "MWS_AUTH_TOKEN",
        &[("<<{mws-token}>>", Shaped)],
        None,
        &[
            "{uuid}",
            "amzn.mws.00000000-0000-0000-0000-000000000000",
            "amzn.mws.xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
            "Amzn.Mws.{uuid}",
        ],
    ),
    row(
        "azure-storage-connection-string",
        "AZURE_STORAGE_KEY",
        &[
            ("<<{azure-storage-key}>>", Checked),
            (
                "DefaultEndpointsProtocol=https;AccountName=acmelogs;AccountKey=<<{azure-storage-key}>>;EndpointSuffix=core.windows.net",
                Checked,
            ),
        ],
        None,
        &[
            "{azure-batch-key}",
            "{azure-cosmos-key}",
            "{entra-secret-legacy44}",
            "AccountName=devstoreaccount1;AccountKey={azure-storage-legacy-key}",
            "UseDevelopmentStorage=true",
        ],
    ),
    row(
        "azure-storage-sas",
        "SAS_URL",
        &[
            (
                "https://acmelogs.blob.core.windows.net/backup/db.bak?<<{azure-storage-sas}>>",
                Free,
            ),
            ("?<<{azure-storage-sas-account}>>", Free),
            (
                "https://acmelogs.dfs.core.windows.net/raw?<<{azure-storage-sas-user-delegation}>>",
                Free,
            ),
        ],
        None,
        &[
            "?{azure-storage-sas-short-signature}",
            "?{azure-storage-sas-bad-permissions}",
            "?{azure-storage-sas}&sp=r",
            "?sv=2024-08-04&sr=b&sp=r&se=2027-01-01&sig=REDACTED",
            "?sv=2024-08-04&sr=b&sp=r&se=2027-01-01&sig=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx%3D",
            "?sv=2024-13-04&ss=b&srt=s&sp=r&se=2027-01-01&sig={hex40}",
            "sv=2024-08-04&sig=${SIGNATURE}",
            "http://127.0.0.1:10000/devstoreaccount1/c?{azure-storage-sas}",
            "SharedAccessSignature {azure-messaging-token}",
            "{s3-presigned-v4}",
        ],
    ),
    row(
        "azure-ad-client-secret",
        "ARM_CLIENT_SECRET",
        &[
            ("<<{entra-secret}>>", Checked),
            ("<<{entra-secret-7q}>>", Free),
        ],
        None,
        &[
            "{entra-secret}~",
            "{entra-secret-legacy44}",
            "abc7Q~defghijklmnopqrs0t123456789-_.~",
            "{azure-devops-app-secret}",
        ],
    ),
    row(
        "azure-devops-pat",
        "AZURE_DEVOPS_EXT_PAT",
        &[
            ("<<{azure-devops-pat84}>>", Checked),
            ("<<{azure-devops-pat52}>>", Checked),
        ],
        None,
        &[
            "{azure-devops-app-secret}",
            "{azure-maps-key}",
            "deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdead",
        ],
    ),
    row(
        "azure-sql-connection-string",
        "DB_CONNECTION",
        &[
            (
                "Server=tcp:acme.database.windows.net,1433;Initial Catalog=crm;User ID=app;Password=<<{password}>>;Encrypt=True;",
                Free,
            ),
            (
                "jdbc:sqlserver://acme.database.windows.net:1433;database=crm;user=app;password=<<{password}>>;encrypt=true",
                Free,
            ),
            (
                "mssql://app:<<{password}>>@acme.database.windows.net:1433/crm",
                Free,
            ),
            (
                "Password=<<{password}>>;User ID=app;Server=acme.database.windows.net",
                Free,
            ),
        ],
        Some("acme.database.windows.net"),
        &[
            "Server=acme.database.windows.net;Authentication=Active Directory Default;",
            "Server=acme.mysql.database.chinacloudapi.cn;User ID=app;Password={password};",
        ],
    ),
    row(
        "azure-cognitive-services-key",
        "SPEECH_KEY",
        &[
            ("<<{azure-cognitive-key}>>", Checked),
            ("<<{azure-hex32}>>", Shaped),
        ],
        None,
        &[
            "{azure-maps-key}",
            "00000000000000000000000000000000",
            "abcdef0123456789abcdef0123456789",
            "0123456789abcdef0123456789abcdef",
        ],
    ),
    row(
        "azure-ml-web-service-api-key",
        "AZUREML_ENDPOINT_KEY",
        &[
            ("<<{azure-ml-classic-key}>>", Checked),
            ("<<{azure-ml-key}>>", Checked),
            ("<<{azure-mixed32}>>", Shaped),
        ],
        None,
        &[
            "{azure-batch-key}",
            "{azure-hex32}",
            "{azure-maps-key}",
            "abcdefghijklmnopqrstuvwxyz012345",
        ],
    ),
    row(
        "azure-bot-framework-secret-key",
        "DIRECT_LINE_SECRET",
        &[
            ("<<{azure-bot-secret63}>>", Shaped),
            ("<<{azure-bot-secret55}>>", Shaped),
            ("<<{azure-bot-key}>>", Checked),
        ],
        None,
        &[
            "{azure-maps-key}",
            "abcdefghijk.cwA.opQ.rstuvwxyz0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYA",
            "abcdefghijklmnopqrstuvwxyz.0123456789_ABCDEabcdefghijkl",
            "{entra-access-token}",
        ],
    ),
    row(
        "azure-databricks-pat",
        "DATABRICKS_TOKEN",
        &[
            ("<<{azure-databricks-token}>>", Shaped),
            ("<<{azure-databricks-token2}>>", Free),
        ],
        None,
        &[
            "DAPI{azure-hex32}",
            "dapi00000000000000000000000000000000",
            "dapi0123456789abcdef0123456789abcdef",
            "dapi1234567890ab1cd2ef3gh4567890123456",
            "dapp{azure-hex32}",
            "{azure-hex32}",
        ],
    ),
    row(
        "azure-devops-app-secret",
        "APP_SECRET",
        &[
            ("<<{azure-devops-app-secret}>>", Checked),
            ("<<{azure-devops-app-token}>>", Free),
        ],
        None,
        &[
            "{azure-devops-pat52}",
            "{azure-devops-app-token-unsigned}",
            "{entra-access-token}",
            "deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdead",
        ],
    ),
    row(
        "azure-ad-access-token",
        "ACCESS_TOKEN",
        &[
            ("<<{entra-access-token}>>", Free),
            ("<<{entra-refresh-token}>>", Free),
        ],
        None,
        &[
            "{entra-access-token-hmac}",
            "{entra-access-token-other-issuer}",
            "{entra-access-token-other-tenant}",
            "{entra-access-token-backwards}",
            "{entra-access-token-cut}",
            "{azure-devops-app-token}",
            "{http-jwt}",
            "x{entra-access-token}",
            "{entra-access-token}.x",
            "0.AXoAabc.AgAB",
        ],
    ),
    row(
        "azure-container-registry-access-key",
        "DOCKER_REGISTRY_SERVER_PASSWORD",
        &[
            ("<<{azure-registry-key}>>", Checked),
            ("<<{azure-registry-token}>>", Checked),
            (
                "docker login acme0.azurecr.io -u acme0 -p <<{azure-mixed32}>>",
                Shaped,
            ),
        ],
        Some("acme0.azurecr.io"),
        &[
            "docker login acme0.azurecr.io -u acme0 -p {azure-hex32}",
            "{azure-maps-key}",
            "docker pull acme0.azurecr.io/web@sha256:{azure-hex32}{azure-hex32}",
        ],
    ),
    row(
        "azure-api-management-subscription-key",
        "APIM_SUBSCRIPTION_KEY",
        &[
            ("<<{azure-management-key}>>", Checked),
            (
                "https://acme.azure-api.net/orders?subscription-key=<<{azure-hex32}>>",
                Shaped,
            ),
        ],
        None,
        &[
            "{azure-storage-key}",
            "https://acme.azure-api.net/orders?subscription-key=00000000000000000000000000000000",
            "https://acme.azure-api.net/orders?subscription-key=abcdef0123456789abcdef0123456789",
            "https://acme.openai.azure.com/openai?subscription-key={azure-hex32}",
        ],
    ),
    row(
        "azure-function-api-key",
        "x-functions-key",
        &[
            ("<<{azure-function-key}>>", Checked),
            ("<<{azure-key40}>>", Shaped),
            (
                "https://acme.azurewebsites.net/api/order?code=<<{azure-key40}>>",
                Shaped,
            ),
        ],
        Some("acme.azurewebsites.net"),
        &[
            "{azure-maps-key}",
            "https://acme.azurewebsites.net/signin?code=0.AXoAabcdefghijklmnop",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
        ],
    ),
    row(
        "azure-logic-app-sas",
        "WORKFLOW_URL",
        &[
            ("<<{azure-workflow-url}>>", Free),
            (
                "<<https://acme.azurewebsites.net:443/api/order/triggers/manual/invoke?api-version=2022-05-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={azure-urlkey32}>>",
                Free,
            ),
        ],
        None,
        &[
            "{azure-workflow-url}x",
            "https://prod-12.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=<sig>",
            "https://prod-12.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?sp=%2Ftriggers%2Fmanual%2Frun&sv=2.0&sig={azure-urlkey32}",
            "https://prod-12.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?sv=1.0&sig={azure-urlkey32}",
            "https://prod-12.westeurope.logic.example.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={azure-urlkey32}",
            "https://acme.azurewebsites.net/api/order/triggers/manual/invoke?api-version=2022-05-01&sv=1.0&sig={azure-urlkey32}",
            "https://acme.example.net/api/order/triggers/manual/invoke?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={azure-urlkey32}",
            "https://acmelogs.blob.core.windows.net/c?{azure-storage-sas}",
            "https://acme.azurewebsites.net/api/order?code={azure-key40}",
            "https://prod-12.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ],
    ),
    row(
        "azure-shared-access-key",
        "SB_CONNECTION",
        &[
            (
                "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=<<{azure-messaging-key-manage}>>",
                Checked,
            ),
            (
                "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=<<{azure-key32}>>;EntityPath=orders",
                Shaped,
            ),
            ("<<{azure-messaging-key-listen}>>", Checked),
        ],
        Some("acme.servicebus.windows.net"),
        &[
            "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;",
            "HostName=acme.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={azure-key32}",
            "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=p;SharedAccessKey={azure-iot-key}",
            "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=p;SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ],
    ),
    row(
        "azure-service-bus-sas",
        "SB_TOKEN",
        &[
            ("SharedAccessSignature <<{azure-messaging-token}>>", Free),
            (
                "SharedAccessSignature <<{azure-messaging-token-hub}>>",
                Free,
            ),
        ],
        None,
        &[
            "SharedAccessSignature sr=https%3A%2F%2Facme.servicebus.windows.net&sig=<sig>&se=1893456000&skn=p",
            "SharedAccessSignature sr=https%3A%2F%2Facme.servicebus.windows.net%2Fq&sig=c2hvcnQ%3D&se=1893456000&skn=p",
            "SharedAccessSignature {azure-messaging-token-elsewhere}",
            "SharedAccessSignature {azure-messaging-token-endless}",
            "{azure-messaging-token}",
            "SharedAccessSignature={azure-storage-sas}",
            "SharedAccessSignature ${SB_SIGNATURE}",
            "SharedAccessSignature sr={0}&sig={1}&se={2}&skn={3}",
        ],
    ),
    row(
        "azure-iot-shared-access-key",
        "IOTHUB_CONNECTION",
        &[
            (
                "HostName=acme.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=<<{azure-iot-key}>>",
                Checked,
            ),
            (
                "HostName=acme.azure-devices.net;DeviceId=d1;SharedAccessKey=<<{azure-key32}>>",
                Free,
            ),
        ],
        Some("acme.azure-devices.net"),
        &[
            "HostName=acme.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey={azure-key16}",
            "HostName=acme.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey={azure-messaging-key-send}",
            "HostName=acme.azure-devices.net;DeviceId=d1;SharedAccessKey=fakeKey=",
            "HostName=acme.azure-devices.net;DeviceId=d1;SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAA==",
        ],
    ),
    row(
        "azure-app-configuration-access-key",
        "APP_CONFIGURATION",
        &[
            (
                "Endpoint=https://acme.azconfig.io;Id=a1B2;Secret=<<{azure-app-configuration-key}>>",
                Checked,
            ),
            (
                "Endpoint=https://acme.azconfig.io;Id=a1B2;Secret=<<{azure-key32}>>",
                Shaped,
            ),
        ],
        None,
        &[
            "Endpoint=https://acme.azconfig.io;Secret={azure-key32}",
            "Endpoint=https://acme.azconfig.io.example.com;Id=a1B2;Secret={azure-key32}",
            "Endpoint=https://acme.example.io;Id=a1B2;Secret={azure-key32}",
            "Endpoint=https://acme.azconfig.io;Id=a1B2;Secret={azure-signalr-key}",
            "Endpoint=https://acme.azconfig.io;Id=a1B2;Secret={azure-messaging-key-send}",
        ],
    ),
    row(
        "azure-signalr-access-key",
        "SIGNALR",
        &[
            (
                "Endpoint=https://acme.service.signalr.net;AccessKey=<<{azure-signalr-key}>>;Version=1.0;",
                Checked,
            ),
            (
                "Endpoint=https://acme.service.signalr.net;AccessKey=<<{azure-key32}>>;Version=1.0;",
                Shaped,
            ),
        ],
        None,
        &[
            "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;",
            "Endpoint=https://acme.service.signalr.net;AuthType=azure.msi;Version=1.0;",
            "Endpoint=https://acme.service.signalr.net.example;AccessKey={azure-key32};",
            "Endpoint=https://acme.service.signalr.net;AccessKey={azure-web-pubsub-key};",
            "Endpoint=https://acme.service.signalr.net;AccessKey={azure-iot-key};",
        ],
    ),
    row(
        "azure-web-pubsub-access-key",
        "WEB_PUBSUB",
        &[
            (
                "Endpoint=https://acme.webpubsub.azure.com;AccessKey=<<{azure-web-pubsub-key}>>;Version=1.0;",
                Checked,
            ),
            (
                "Endpoint=https://acme.webpubsub.azure.com;AccessKey=<<{azure-key32}>>;Version=1.0;",
                Shaped,
            ),
        ],
        None,
        &[
            "Endpoint=http://localhost;Port=8080;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;",
            "Endpoint=https://acme.webpubsub.azure.com;Version=1.0;",
            "Endpoint=https://acme.webpubsub.azure.com.example;AccessKey={azure-key32};",
            "Endpoint=https://acme.webpubsub.azure.com;AccessKey={azure-signalr-key};",
            "Endpoint=https://acme.webpubsub.azure.com;AccessKey={azure-messaging-key-send};",
        ],
    ),
    row(
        "azure-communication-services-access-key",
        "COMMUNICATION",
        &[
            (
                "endpoint=https://acme.france.communication.azure.com;accesskey=<<{azure-communication-key}>>",
                Checked,
            ),
            (
                "endpoint=https://acme.communication.azure.com/;accesskey=<<{azure-key64}>>",
                Shaped,
            ),
        ],
        None,
        &[
            "endpoint=https://acme.communication.azure.com/;accesskey={azure-key32}",
            "endpoint=https://acme.communication.azure.com/;accesskey={azure-storage-key}",
            "endpoint=https://acme.communication.azure.com.example/;accesskey={azure-key64}",
            "endpoint=https://acme.example.com/;accesskey={azure-key64}",
            "endpoint=https://acme.communication.azure.com/;accesskey={azure-maps-key}",
        ],
    ),
    row(
        "azure-eventgrid-access-key",
        "EVENTGRID_TOPIC_KEY",
        &[
            ("<<{azure-eventgrid-key}>>", Checked),
            ("<<{azure-eventgrid-signed}>>", Checked),
            ("<<{azure-key32}>>", Shaped),
        ],
        None,
        &[
            "{azure-iot-key}",
            "{azure-maps-key}",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ],
    ),
    row(
        "azure-maps-subscription-key",
        "AZURE_MAPS_KEY",
        &[
            ("<<{azure-maps-key}>>", Checked),
            ("<<{azure-urlkey32}>>", Shaped),
        ],
        None,
        &[
            "{azure-key32}",
            "{azure-signalr-key}",
            "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE",
            "{gcp-api-key}",
        ],
    ),
    row(
        "azure-batch-shared-access-key",
        "AZ_BATCH_KEY",
        &[
            ("<<{azure-batch-key}>>", Checked),
            ("<<{azure-key64}>>", Shaped),
        ],
        None,
        &["{azure-storage-key}", "{azure-cosmos-key}", "{azure-key32}"],
    ),
    row(
        "azure-redis-cache-password",
        "REDIS_CONNECTION",
        &[
            ("<<{azure-redis-key}>>", Checked),
            (
                "acme.redis.cache.windows.net:6380,password=<<{azure-key32}>>,ssl=True,abortConnect=False",
                Shaped,
            ),
            (
                "rediss://:<<{azure-redis-key}>>@acme.redis.cache.windows.net:6380/0",
                Checked,
            ),
        ],
        None,
        &[
            "acme.redis.cache.windows.net:6380,password={azure-iot-key},ssl=True",
            "redis.example.net:6380,password={azure-key32},ssl=True",
            "acme.redis.cache.windows.net.example:6380,password={azure-key32},ssl=True",
            "rediss://:{azure-key32-percent}@redis.example.net:6380",
            "localhost:6379,password={password}",
        ],
    ),
    row(
        "azure-cosmos-db-connection-string",
        "COSMOS_KEY",
        &[
            ("<<{azure-cosmos-key}>>", Checked),
            (
                "AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey=<<{azure-cosmos-key}>>;",
                Checked,
            ),
            (
                "mongodb+srv://app:<<{password}>>@acme.global.mongocluster.cosmos.azure.com/?tls=true",
                Free,
            ),
            (
                "Server=c-acme.abcdefghijklmn.postgres.cosmos.azure.com;Database=crm;Port=5432;User Id=citus;Password=<<{password}>>;",
                Free,
            ),
        ],
        Some(".cosmos.azure.com"),
        &[
            "{azure-storage-key}",
            "{azure-batch-key}",
            "mongodb://localhost:27017/crm",
        ],
    ),
    row(
        "azure-postgresql-connection-string",
        "DB_CONNECTION",
        &[
            (
                "Server=acme.postgres.database.azure.com;Database=crm;Port=5432;User Id=app;Password=<<{password}>>;Ssl Mode=Require;",
                Free,
            ),
            (
                "postgresql://app:<<{password}>>@acme.postgres.database.azure.com:5432/crm",
                Free,
            ),
            (
                "host=acme.postgres.database.azure.com port=5432 dbname=crm user=app password=<<{password}>> sslmode=require",
                Free,
            ),
        ],
        Some("acme.postgres.database.azure.com"),
        &["Server=acme.postgres.database.azure.com;User Id=app;Ssl Mode=Require;"],
    ),
    row(
        "azure-mysql-connection-string",
        "DB_CONNECTION",
        &[
            (
                "Server=acme.mysql.database.azure.com;Database=crm;Port=3306;User Id=app;Password=<<{password}>>;Ssl Mode=Require;",
                Free,
            ),
            (
                "mysql://app:<<{password}>>@acme.mysql.database.azure.com:3306/crm",
                Free,
            ),
            (
                "app:<<{password}>>@tcp(acme.mysql.database.azure.com:3306)/crm",
                Free,
            ),
        ],
        Some("acme.mysql.database.azure.com"),
        &["mysql -h acme.mysql.database.azure.com -P 3306 -u app"],
    ),
    row(
        "azure-mariadb-connection-string",
        "DB_CONNECTION",
        &[
            (
                "Server=acme.mariadb.database.azure.com;Database=crm;Port=3306;User Id=app@acme;Password=<<{password}>>;",
                Free,
            ),
            (
                "mariadb://app:<<{password}>>@acme.mariadb.database.azure.com:3306/crm",
                Free,
            ),
        ],
        Some("acme.mariadb.database.azure.com"),
        &["mariadb -h acme.mariadb.database.azure.com -P 3306 -u app"],
    ),
    row(
        "aws-rds-connection-string",
        "DB_CONNECTION",
        &[
            (
                "Server=acme.c9akciq32abc.eu-west-1.rds.amazonaws.com;Database=crm;User Id=app;Password=<<{password}>>;",
                Free,
            ),
            (
                "postgresql://app:<<{password}>>@acme.cluster-c9akciq32abc.eu-west-1.rds.amazonaws.com:5432/crm",
                Free,
            ),
            (
                "jdbc:oracle:thin:app/<<{password}>>@//acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL",
                Free,
            ),
        ],
        Some("c9akciq32abc.eu-west-1.rds.amazonaws.com"),
        &["jdbc:oracle:thin:@//acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL"],
    ),
    row(
        "aws-redshift-credentials",
        "DB_CONNECTION",
        &[
            (
                "jdbc:redshift://acme.c9akciq32abc.eu-west-1.redshift.amazonaws.com:5439/dev;UID=app;PWD=<<{password}>>",
                Free,
            ),
            (
                "redshift://app:<<{password}>>@acme.210987654321.eu-west-1.redshift-serverless.amazonaws.com:5439/dev",
                Free,
            ),
        ],
        Some(".eu-west-1.redshift"),
        &["jdbc:redshift:iam://acme:eu-west-1/dev?DbUser=app"],
    ),
    row(
        "general-password",
        "SMTP_PASSWORD",
        &[("<<{password}>>", Free)],
        None,
        &[
            "Passwort",
            "hunter",
            "/run/secrets/db_password",
            "$2y$10$abcdefghijklmnopqrstuv",
            "Enter your password",
            "!Ref DbPassword",
            "os.environ['PW']",
            "12345678",
        ],
    ),
    row(
        "user-login-credentials",
        "SERVICE_URL",
        &[
            ("https://deploy:<<{password}>>@git.acme.corp/app.git", Free),
            ("amqp://svc:<<{password}>>@rabbit.acme.corp:5672/v", Free),
        ],
        None,
        &[
            "https://user:password@git.acme.corp/app.git",
            "https://deploy:{password}@example.com/",
            "amqp://guest:guest@localhost:5672",
            "ssh://git@github.com:22/x",
            "https://git.acme.corp:8443/@scope/app",
        ],
    ),
    row(
        "google-storage-signed-url",
        "DOWNLOAD_URL",
        &[
            ("<<{google-signed-v4}>>", Free),
            ("<<{google-signed-v4-hmac}>>", Free),
            ("<<{google-signed-v2}>>", Free),
        ],
        None,
        &[
            "{google-signed-v4}00",
            "{google-signed-v2-short}",
            "https://storage.googleapis.com/b/o?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=<signature>",
            "https://storage.googleapis.com/b/o?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "https://firebasestorage.googleapis.com/v0/b/acme.appspot.com/o/a.png?alt=media&token={uuid}",
            "https://storage.googleapis.com/b/o?GoogleAccessId=ci@acme.iam.gserviceaccount.com&Expires=1790000000&Signature=...",
            "https://storage.googleapis.com/b/o?GoogleAccessId=ci@acme.iam.gserviceaccount.com",
            "{s3-presigned-v4}",
            "https://storage.googleapis.com/b/o?X-Goog-Signature={hex40}",
            "https://storage.googleapis.com/acme-backups/public.tar.gz",
        ],
    ),
    row(
        "gcp-api-key",
        "GOOGLE_MAPS_KEY",
        &[("<<{gcp-api-key}>>", Shaped)],
        None,
        &[
            "{gcp-api-key-wrong-end}",
            "AIzaSyabcdefghijklmnopqrstuvwxyz1234567",
            "AIzaAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "{azure-urlkey32}",
        ],
    ),
    row(
        "azure-app-service-deployment-password",
        "AZURE_PUBLISH_PROFILE",
        &[
            (
                "<publishProfile profileName=\"acme\" publishMethod=\"MSDeploy\" publishUrl=\"acme.scm.azurewebsites.net:443\" userName=\"$acme\" userPWD=\"<<{app-service-password}>>\" />",
                Shaped,
            ),
            (
                "https://$acme:<<{app-service-password}>>@acme.scm.azurewebsites.net:443/acme.git",
                Free,
            ),
        ],
        None,
        &[
            "https://$acme:{app-service-password}@acme.scm.azurewebsites.net.example/acme.git",
            "https://acme.scm.azurewebsites.net:443/acme.git",
            "<publishProfile userName=\"acme\" userPWD=\"{app-service-password}\" />",
            "https://deployer:password@acme.scm.azurewebsites.net/acme.git",
        ],
    ),
    row(
        "azure-ad-user-credentials",
        "LOGIN",
        &[
            (
                "az login -u admin@acmecorp.onmicrosoft.com -p <<{password}>>",
                Free,
            ),
            (
                "User=admin@acmecorp.onmicrosoft.com;Password=<<{password}>>",
                Free,
            ),
        ],
        Some("acmecorp.onmicrosoft.com"),
        &[
            "enter the password for admin@acmecorp.onmicrosoft.com",
            "az login -u admin@contoso.onmicrosoft.com -p {password}",
            "az login --identity --username {uuid}",
        ],
    ),
    row(
        "asp-net-machine-key",
        "MACHINE_KEY",
        &[
            (
                "<machineKey validationKey=\"<<{machine-key-128}>>\" validation=\"SHA1\" decryption=\"AES\" />",
                Shaped,
            ),
            (
                "<machineKey decryptionKey=\"<<{machine-key-48}>>\" />",
                Shaped,
            ),
        ],
        None,
        &[
            "<machineKey validationKey=\"AutoGenerate,IsolateApps\" decryptionKey=\"AutoGenerate,IsolateApps\" />",
            "<machineKey validationKey=\"ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789\" />",
            "<machineKey validationKey=\"0000000000000000000000000000000000000000\" />",
            "<machineKey decryptionKey=\"{machine-key-64}{machine-key-64}\" />",
        ],
    ),
    row(
        "odbc-connection-string",
        "ODBC_CONNECTION",
        &[
            (
                "Driver={PostgreSQL Unicode};Server=db01;Port=5432;Database=crm;Uid=app;Pwd=<<{password}>>;",
                Free,
            ),
            ("DSN=crm;UID=app;PWD=<<{password}>>;", Free),
        ],
        None,
        &[
            "Driver={SQL Server};Server=db01;Database=crm;Trusted_Connection=yes;",
            "Driver={ODBC Driver 18 for SQL Server};Server=acme.database.windows.net;Uid=app;Pwd={password};",
            "DSN=https://{hex40}@sentry.example/1;environment=prod",
            "DSN=crm;UID=app;",
        ],
    ),
    row(
        "ssh-private-key",
        "DEPLOY_KEY",
        &[
            ("<<{ssh-openssh-ed25519}>>", Free),
            ("<<{ssh-sec1-p256}>>", Free),
            ("<<{ssh-pkcs8-rsa}>>", Free),
            ("<<{ssh-ppk3-ed25519}>>", Free),
        ],
        None,
        &[
            "{ssh-broken-mac}",
            "{ssh-broken-numbers}",
            "{ssh-truncated}",
            "{ssh-encrypted-pem}",
            "{ssh-encrypted-openssh}",
            "{pem-x25519}",
            "{pem-openpgp}",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n...\n-----END OPENSSH PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJKxKazHuBfvGAsVsC66BrCfDkkOpxoN ops@acme",
        ],
    ),
    row(
        "private-key",
        "TLS_KEY",
        &[
            ("<<{pem-x25519}>>", Free),
            ("<<{ssh-encrypted-pem}>>", Free),
            ("<<{pem-openpgp}>>", Free),
        ],
        None,
        &[
            "{ssh-truncated}",
            "{ssh-broken-numbers}",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n-----END PGP PRIVATE KEY BLOCK-----",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "-----BEGIN PRIVATE KEY-----",
            "MIIKAQIBAzCCCccGCSqGSIb3DQEHAaCC",
            "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
            "{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\n...\\n-----END PRIVATE KEY-----\\n\"}",
            "-----BEGIN PRIVATE KEY-----\n{hex40}\n-----END PRIVATE KEY-----",
        ],
    ),
    row(
        "azure-subscription-management-certificate",
        "PUBLISH_SETTINGS",
        &[
            ("<<{publishsettings}>>", Free),
            ("management certificate: <<{pfx-rsa}>>", Free),
        ],
        None,
        &[
            "{pfx-rsa}",
            "management certificate: MIIC",
            "management certificate: {azure-key64}",
            "ManagementCertificate=\"MIIC\"",
            "ManagementCertificate=\"\"",
            "ManagementCertificate=\"{azure-key64}{azure-key64}\"",
            "<Certificate thumbprint=\"{hex40}\" />",
            "management certificate: MIIKAQIBAzCCCccGCSqGSIb3DQEHAaCC",
            "ManagementCertificate=\"MIIKAQIBAzCCCccGCSqGSIb3DQEHAaCC\"",
            "Import-AzurePublishSettingsFile -PublishSettingsFile acme.publishsettings",
        ],
    ),
    row(
        "github-personal-access-token",
        "GITHUB_TOKEN",
        &[
            ("<<{github-classic}>>", Checked),
            ("<<{github-fine-grained}>>", Checked),
            ("<<{github-installation}>>", Free),
        ],
        None,
        &[
            "{github-refresh-wrong-crc}",
            "{github-installation-not-json}",
            "sha256:{hex40}",
            "https://github.com/acme/web/commit/{hex40}",
            "{npm-token}",
        ],
    ),
    row(
        "openai-api-key",
        "OPENAI_API_KEY",
        &[
            ("<<{openai-legacy}>>", Shaped),
            ("<<{openai-project}>>", Free),
            ("<<{openai-old}>>", Shaped),
        ],
        None,
        &[
            "sk-{hex40}",
            "sk_live_{hex40}",
            "sk-ant-{hex40}{hex40}",
            "sk-xxxxxxxxxxxxxxxxxxxxT3BlbkFJxxxxxxxxxxxxxxxxxxxx",
            "{openai-project}abcdefghijklmnopqrstuvw",
        ],
    ),
    row(
        "npm-author-token",
        "NPM_TOKEN",
        &[("<<{npm-token}>>", Checked), ("<<{uuid}>>", Shaped)],
        None,
        &[
            "npm_config_{hex40}",
            "00000000-0000-0000-0000-000000000000",
            "{github-classic}",
        ],
    ),
    row(
        "slack-access-token",
        "SLACK_TOKEN",
        &[
            ("<<{slack-bot}>>", Free),
            ("<<{slack-user}>>", Free),
            ("<<{slack-app}>>", Free),
            ("<<{slack-webhook}>>", Free),
            ("<<{slack-config-access}>>", Free),
        ],
        None,
        &[
            "{slack-bot-zero-team}",
            "{slack-config-access-not-a-record}",
            "xoxb-your-token",
            "x{slack-bot}",
            "{slack-user}-1",
            "xoxp-XXXXXXXXXX",
            "XOXB-123456789012-1234567890123-abcdefghijklmnopqrstuvwx",
            "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        ],
    ),
    row(
        "travis-personal-token",
        "TRAVIS_TOKEN",
        &[("<<{travis-token}>>", Shaped)],
        None,
        &[
            "{uuid}",
            "authenticationTokenName",
            "{opaque-token}",
            "xxxxxxxxxxxxxxxxxxxxxA",
            "{github-classic}",
        ],
    ),
    row(
        "http-authorization-header",
        "Authorization",
        &[
            ("Bearer <<{http-jwt}>>", Free),
            ("Basic <<{basic-login}>>", Free),
        ],
        None,
        &[
            "Basic dXNlcjpwYXNzd29yZA==",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "Basic dXNlcm5hbWU6cGFzc3dvcmQ=",
            "Basic realm=\"x\"",
            "Basic {opaque-token}",
            "Bearer abcdefghijklmnop123456",
            "Bearer your_access_token_here_1",
            "Digest username=\"deploy\", realm=\"x\", nonce=\"{hex40}\"",
            "Negotiate {azure-key64}",
        ],
    ),
];
