//! Databases in the cloud: every way of writing a login, for every service, and what is none.

use keydredge::finding::Verdict;
use keydredge::rule::Severity;

use super::{Scan, made};
use crate::texts::Texts;

/// Type, host, scheme and port of each service whose logins are written like any database's.
const SERVICES: &[(&str, &str, &str, &str)] = &[
    (
        "azure-postgresql-connection-string",
        "acme-7.postgres.database.azure.com",
        "postgresql",
        "5432",
    ),
    (
        "azure-postgresql-connection-string",
        "acme.privatelink.postgres.database.usgovcloudapi.net",
        "postgres",
        "6432",
    ),
    (
        "azure-mysql-connection-string",
        "acme-7.mysql.database.azure.com",
        "mysql",
        "3306",
    ),
    (
        "azure-mysql-connection-string",
        "Acme.MySQL.Database.ChinaCloudApi.cn",
        "mysql+pymysql",
        "3306",
    ),
    (
        "azure-mariadb-connection-string",
        "acme.mariadb.database.azure.com",
        "mariadb",
        "3306",
    ),
    (
        "azure-cosmos-db-connection-string",
        "c-acme-7.q3z5k7m9p1r2t4.postgres.cosmos.azure.com",
        "postgres",
        "5432",
    ),
    (
        "azure-cosmos-db-connection-string",
        "c.acme.postgres.database.azure.com",
        "postgresql",
        "5432",
    ),
    (
        "aws-rds-connection-string",
        "acme.c9akciq32abc.eu-west-1.rds.amazonaws.com",
        "mysql",
        "3306",
    ),
    (
        "aws-rds-connection-string",
        "acme.cluster-ro-c9akciq32abc.us-gov-west-1.rds.amazonaws.com",
        "postgresql",
        "5432",
    ),
    (
        "aws-rds-connection-string",
        "ep.endpoint.proxy-c9akciq32abc.ap-southeast-2.rds.amazonaws.com",
        "mysql",
        "3306",
    ),
    (
        "aws-rds-connection-string",
        "acme.c9akciq32abc.rds.cn-northwest-1.amazonaws.com.cn",
        "mariadb",
        "3306",
    ),
    (
        "aws-redshift-credentials",
        "acme.c9akciq32abc.eu-west-1.redshift.amazonaws.com",
        "redshift",
        "5439",
    ),
    (
        "aws-redshift-credentials",
        "acme.210987654321.us-east-2.redshift-serverless.amazonaws.com",
        "redshift+psycopg2",
        "5439",
    ),
];

/// Texts with a login; the password stands between `<<` and `>>`.
const LOGINS: &[&str] = &[
    // lists
    "Server=HOST;Port=PORT;Database=crm;User Id=app;Password=<<{password}>>;Ssl Mode=Require;",
    "<add name=\"Db\" connectionString=\"Host=HOST;Username=app;Password=<<{password}>>\" providerName=\"x\" />\r\n",
    "{\r\n  \"ConnectionStrings\": {\r\n    \"Db\": \"Server=HOST,PORT;Uid=app;Pwd=<<{password}>>;\"\r\n  }\r\n}",
    "{\"Db\":\"Data Source=HOST;Password='<<{password};{password}>>';User ID=app\",\"n\":1}",
    "DB='Pwd=<<{password}>>;Uid=app;Driver={x};Server=HOST;'\n",
    "db:\n  url: \"Server=HOST;User Id=app;Password=<<{password}>>\"\n",
    "Driver={x y};Server=HOST;Uid=app;Pwd={<<{password}=;>>};Option=3;",
    // URLs
    "DATABASE_URL=SCHEME://app:<<{password}>>@HOST:PORT/crm?sslmode=require\n",
    "{\"url\":\"SCHEME://app%40acme:<<{password}%2F%40x>>@HOST/crm\"}",
    "{\"url\":\"SCHEME:\\/\\/app:<<{password}>>@HOST:PORT\\/crm\"}",
    "const db=new Client('SCHEME://app:<<{password}>>@HOST:PORT/crm');db.connect()",
    "psql \"SCHEME://app:<<{password}>>@HOST:PORT/crm\"\n",
    "https://x.example/?next=SCHEME%3A%2F%2Fapp%3A<<{password}>>%40HOST%3APORT%2Fcrm",
    // URLs with parameters
    "spring.datasource.url=jdbc:SCHEME://HOST:PORT/crm?user=app&password=<<{password}>>&useSSL=true\n",
    "<url>jdbc:SCHEME://HOST:PORT/crm?user=app&amp;password=<<{password}>>&amp;useSSL=true</url>",
    "{\"url\":\"jdbc:SCHEME://HOST:PORT/crm?password=<<{password}>>\\u0026user=app\"}",
    // fields
    "DB_ADDR=HOST\nDB_NUMBER=PORT\nDB_USER=app\nDB_PASSWORD=<<{password}>>\n",
    "DB_PASSWORD=<<{password},{password}&;x>>\nDB_ADDR=HOST\n",
    "spec:\n  database:\n    host: HOST\n    username: app\n    password: \"<<{password}>>\"\n",
    "connect(host='HOST', user='app', password='<<{password}>>', dbname='crm')",
    "{\"host\":\"HOST\",\"user\":\"app\",\"password\":\"<<{password}>>\",\"database\":\"crm\"}",
    "define( 'DB_PASSWORD', '<<{password}>>' );\ndefine( 'DB_ADDR', 'HOST' );\n",
    "[client]\nhost = HOST\nuser = app\npassword = <<{password}>>\n",
    "<Host>HOST</Host>\n<User>app</User>\n<Password><<{password}>></Password>\n",
    "env:\n- name: DB_ADDR\n  value: HOST\n- name: DB_PASSWORD\n  value: <<{password}>>\n",
    "\"environment\":[{\"name\":\"DB_PASSWORD\",\"value\":\"<<{password}>>\"},{\"name\":\"DB_ADDR\",\"value\":\"HOST\"}]",
    "$cfg['host'] = 'HOST';\n$cfg['password'] = '<<{password}>>';\n",
    "data \"x\" \"y\" {\n  host     = \"HOST\"\n  password = \"<<{password}>>\"\n}\n",
    "df.option(\"url\", \"jdbc:x://HOST/crm\").option(\"user\", \"app\").option(\"password\", \"<<{password}>>\")",
    "\u{0}DB_ADDR=HOST\u{0}DB_PASSWORD=<<{password}>>\u{0}",
    "db:\n  host: ${DB_ADDR:HOST}\n  password: ${DB_PASSWORD:<<{password}>>}\n",
    "DB_ADDR=\"${DB_ADDR:-HOST}\"\nDB_PASSWORD=\"${DB_PASSWORD:-<<{password}>>}\"\n",
    "host=os.getenv('A', 'HOST'), password=os.getenv('DB_PASSWORD', '<<{password}>>')",
    "host: process.env.A || 'HOST', password: process.env.B_PASSWORD || '<<{password}>>'",
    "| Server | `HOST` |\n| User | `app` |\n| Password | `<<{password}>>` |\n",
    "{\"cells\":[\"c = connect(host=\\\"HOST\\\",\\n\",\"  password=\\\"<<{password}>>\\\")\\n\"]}",
    "c = ('Server=HOST;'\n     'Uid=app;'\n     'Pwd=<<{password}>>;')\n",
    "c = \"Server=HOST;\" +\n    \"Uid=app;\" +\n    \"Pwd=<<{password}>>\";\n",
    // calls
    "DriverManager.getConnection(\"jdbc:x://HOST:PORT/crm\", \"app\", \"<<{password}>>\");",
    "$db = new PDO('x:host=HOST;dbname=crm;charset=utf8', 'app', '<<{password}>>');",
];

const LOGINS_OF_POSTGRESQL: &[&str] = &[
    "PGPASSWORD=<<{password}>> psql -h HOST -p PORT -U app -d crm\n",
    "export PGPASSWORD='<<{password}>>' && pg_dump --host=HOST --username=app crm\n",
    "set PGPASSWORD=<<{password}>>&& psql -h HOST -U app\r\n",
    "HOST:PORT:crm:app:<<{password}>>\n",
    "HOST:PORT:*:app:<<{password}\\:x>>\nother:5432:*:*:x\n",
    "{\"file\":\"HOST:PORT:crm:app:<<{password}>>\\nx\"}",
    "psql 'host=HOST port=PORT dbname=crm user=app password=<<{password}>> sslmode=require'\n",
    "conn = psycopg2.connect(\"user=app password=<<{password}>> host=HOST\")\n",
    "dsn=\"host=HOST user=app password='<<{password} x>>'\"",
    "const c=\"host=HOST password=<<{password}>>\"",
];

const LOGINS_OF_MYSQL: &[&str] = &[
    "mysql -h HOST -u app -p<<{password}>> crm\n",
    "mysqldump --host=HOST --port=PORT --user=app --password=<<{password}>> crm > x.sql\n",
    "mysql -uapp -p'<<{password}>>' -hHOST\n",
    "MYSQL_PWD=<<{password}>> mysql --host HOST --user app\n",
    "app:<<{password}>>@tcp(HOST:PORT)/crm?tls=true",
    "db, err := sql.Open(\"mysql\", \"app:<<{password}>>@tcp(HOST:PORT)/crm\")\n",
    "jdbc:mysql://(host=HOST,port=PORT,user=app,password=<<{password}>>)/crm",
    "jdbc:mysql://address=(host=HOST)(port=PORT)(user=app)(password=<<{password}>>)/crm",
    "mysqli_real_connect($c, \"HOST\", \"app\", \"<<{password}>>\", \"crm\", PORT);",
];

/// Texts in which no login can be found.
const LOOK_ALIKES: &[&str] = &[
    "Server=HOST;User Id=app;Password={your_password};",
    "Server=HOST;User Id=app;Password=<your password>;",
    "Server=HOST;User Id=app;Password=********;",
    "Server=HOST;User Id=app;Password=${DB_PASSWORD};",
    "\"Server=HOST;User Id=app;Password=\" + password + \";Database=crm\"",
    "f\"Server=HOST;Uid={user};Pwd={config.password};\"",
    "$\"Server=HOST;Uid=app;Pwd={pwd};\"",
    "\"Server=HOST;Uid=%s;Pwd=%s;\"",
    "Server=HOST;User Id=app;Password=;Database=crm",
    "Server=HOST;User Id=app;Ssl Mode=Require;",
    "Server=HOST.evil.example;User Id=app;Password={password};",
    "Server=HOST-old;User Id=app;Password={password};",
    "Server=localhost;User Id=app;Password={password};",
    "SCHEME://app@HOST/crm",
    "SCHEME://app:$DB_PASSWORD@HOST/crm",
    "SCHEME://app:[password]@HOST/crm",
    "SCHEME://app:{password}@HOST.evil.example/crm",
    "SCHEME://app:{password}@db.example.org/crm",
    "jdbc:SCHEME://HOST/crm?user=app&ssl=true",
    "jdbc:SCHEME://HOST/crm?user=app&password=<password>",
    "jdbc:SCHEME://HOST/crm?user=app&password=xxxxxxxx",
    "host: HOST\npassword: {{ .Values.password }}\n",
    "host: HOST\npassword: !Ref DbPassword\n",
    "host: HOST\npassword:\n  secretKeyRef:\n    name: db\n",
    "DB_ADDR=HOST\nDB_PASSWORD=\nREDIS_PASSWORD={password}\n",
    "host='HOST', password=os.environ['DB_PASSWORD']",
    "host='HOST', password=db_password)",
    "[db]\nhost=HOST\n\n[mail]\npassword={password}\n",
    "host: HOST\n---\npassword: {password}\n",
    "connect(\"HOST\", \"app\", password)",
    "PGPASSWORD=$PW psql -h HOST -U app\n",
    "PGPASSWORD=`cat pw` psql -h HOST -U app\n",
    "psql -h HOST -U app -W\n",
    "mysql -h HOST -u app -p\n",
    "mysql -h HOST -u app -P 3306 -p crm\n",
    "HOST:5432:crm:app:\n",
    "psql 'host=HOST user=app password=$PGPASSWORD'\n",
    "Server=$HOST;User Id=app;Password={password};",
    "mysql -h HOST --password=`az account get-access-token --query accessToken`\n",
    "'Server=' + host + ';Pwd=' + password # HOST",
    "ping HOST # password is {password}\n",
];

/// Texts of one type only, and texts that look like them.
const OWN: &[(&str, &[&str], &[&str])] = &[
    (
        "aws-rds-connection-string",
        &[
            "sqlplus app/<<{password}>>@acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL @x.sql\n",
            "sqlplus -S 'app/\"<<{password}@x>>\"@//acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL'\n",
            "url=jdbc:oracle:thin:app/<<{password}>>@//acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL\n",
            "jdbc:oracle:thin:app/<<{password}>>@acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521:ORCL",
            "expdp app/<<{password}>>@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=acme.c9akciq32abc.eu-west-1.rds.amazonaws.com)(PORT=1521))(CONNECT_DATA=(SID=ORCL)))\n",
            "Data Source=(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=acme.c9akciq32abc.eu-west-1.rds.amazonaws.com)(PORT=1521))(CONNECT_DATA=(SID=ORCL)));User Id=app;Password=<<{password}>>;",
            "cx_Oracle.connect('app', '<<{password}>>', 'acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL')",
            "oracle+cx_oracle://app:<<{password}>>@acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/?service_name=ORCL",
            "sqlcmd -S acme.c9akciq32abc.eu-west-1.rds.amazonaws.com,1433 -U app -P '<<{password}>>' -Q \"select 1\"\n",
            "jdbc:sqlserver://acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1433;databaseName=crm;user=app;password=<<{password}>>;encrypt=true",
            "jdbc:aws-wrapper:postgresql://acme.cluster-c9akciq32abc.eu-west-1.rds.amazonaws.com:5432/crm?user=app&password=<<{password}>>",
            "Data Source=acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL;User Id=app;Password=<<{password}>>;",
        ],
        &[
            "sqlplus app@acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL\n",
            "sqlplus /nolog @acme.c9akciq32abc.eu-west-1.rds.amazonaws.com\n",
            "jdbc:oracle:thin:@//acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL",
            "mysql://app:{password}@mydb.123456789012.us-east-1.rds.amazonaws.com:3306/crm",
            "mysql://app:{password}@mysql.c7tj4example.us-east-1.rds.amazonaws.com:3306/crm",
            "mysql://app:{password}@rds.amazonaws.com/crm",
            "mysql://app:{password}@acme.eu-west-1.rds.amazonaws.com/crm",
            "https://rds.eu-west-1.amazonaws.com/?Action=x&Password={password}",
            "postgres://app:acme.c9akciq32abc.eu-west-1.rds.amazonaws.com%3A5432%2F%3FAction%3Dconnect%26X-Amz-Signature%3D{hex40}@acme.c9akciq32abc.eu-west-1.rds.amazonaws.com/crm",
            "ORCL=(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=acme.c9akciq32abc.eu-west-1.rds.amazonaws.com)(PORT=1521)))",
        ],
    ),
    (
        "azure-cosmos-db-connection-string",
        &[
            "AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey=<<{azure-cosmos-key}>>;",
            "{\"Cosmos\":\"AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey=<<{azure-cosmos-key-json}>>;Database=crm;\"}",
            "<add name=\"c\" connectionString=\"AccountEndpoint=https://acme.documents.azure.us:443/;AccountKey=<<{azure-storage-legacy-key}>>;\" />",
            "COSMOS_ENDPOINT=https://acme.documents.azure.cn:443/\nCOSMOS_KEY=<<{azure-storage-legacy-key}>>\n",
            "mongodb://acme:<<{azure-cosmos-key-percent}>>@acme.mongo.cosmos.azure.com:10255/?ssl=true&replicaSet=globaldb",
            "MONGO=\"mongodb://acme:<<{azure-storage-legacy-key}>>@acme.documents.azure.com:10255/crm?ssl=true\"\n",
            "mongosh \"mongodb+srv://app:<<{password}>>@acme.global.mongocluster.cosmos.azure.com/?tls=true\"\n",
            "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=<<{azure-storage-legacy-key}>>;TableEndpoint=https://acme.table.cosmos.azure.com:443/;",
            "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=<<{azure-cosmos-key}>>;TableEndpoint=https://acme.table.cosmos.azure.com:443/;",
            "{\"primaryMasterKey\":\"<<{azure-storage-legacy-key}>>\",\"secondaryMasterKey\":\"\"}",
            "\"endpoint\": \"https://acme.documents.azure.com:443/\",\n\"x\": \"y\",\n\"primary_key\": \"<<{azure-storage-legacy-key}>>\",\n",
            "client = CosmosClient(URL, credential='<<{azure-cosmos-key}>>')\n",
            "azure:\n  cosmos:\n    uri: https://acme.documents.azure.com\n    key: <<{azure-storage-legacy-key}>>\n",
            "HostName=acme.cassandra.cosmos.azure.com;Username=acme;Password=<<{azure-storage-legacy-key}>>;Port=10350",
        ],
        &[
            "AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey={azure-cosmos-key-wrong-checksum};",
            "AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey={azure-storage-key};",
            "AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey=<account-key>;",
            "AccountEndpoint=https://acme.documents.azure.com.evil.example/;AccountKey={azure-storage-legacy-key};",
            "mongodb://acme:{azure-cosmos-key-wrong-checksum}@acme.mongo.cosmos.azure.com:10255/",
            "mongodb://acme:short@acme.mongo.cosmos.azure.com:10255/",
            "mongodb+srv://app:<password>@acme.mongocluster.cosmos.azure.com/",
            "mongodb://app:{password}@db.example.org/crm",
            "COSMOS_KEY=${COSMOS_KEY}\n",
            "AccountName=acme;AccountKey={azure-storage-legacy-key};EndpointSuffix=core.windows.net",
            "\"secondary_key\": \"{azure-storage-legacy-key}\"",
            "https://acme.documents.azure.com/ {hex40}{hex40}",
        ],
    ),
    (
        "odbc-connection-string",
        &[
            "Driver={PostgreSQL Unicode};Server=db01;Port=5432;Database=crm;Uid=app;Pwd=<<{password}>>;",
            "pyodbc.connect('DRIVER={ODBC Driver 18 for SQL Server};SERVER=10.0.0.5,1433;DATABASE=crm;UID=app;PWD=<<{password}>>')",
            "{\"odbc\":\"DSN=crm;UID=app;PWD=<<{password}>>;\"}",
            "<add name=\"o\" connectionString=\"Dsn=crm;Uid=app;Pwd=<<{password}>>\" />",
            "Pwd={<<{password};x>>};Uid=app;Driver={SQL Server};Server=db01;",
            "[crm]\nDriver = FreeTDS\nServer = db01\nUID = app\nPWD = <<{password}>>\nPort = 1433\n",
            "[a]\nDriver=x\n\n[crm]\r\nDescription=crm\r\nDriver=/usr/lib/libmyodbc.so\r\nServer=db01\r\nUser=app\r\nPassword=<<{password}>>\r\n\r\n[b]\r\nDriver=y\r\n",
            "ODBC;DRIVER=SQL Server;SERVER=db01;UID=app;PWD=<<{password}>>;APP=Microsoft Office",
            "jdbc:odbc:crm;UID=app;PWD=<<{password}>>",
            "Provider=MSDASQL;DSN=crm;UID=app;PWD=<<{password}>>;",
            "dbConnect(odbc::odbc(), Driver = \"SQL Server\", Server = \"db01\", UID = \"app\", PWD = \"<<{password}>>\")\n",
            "$c = odbc_connect('crm', 'app', '<<{password}>>');",
            "engine: mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BFreeTDS%7D%3BSERVER%3Ddb01%3BUID%3Dapp%3BPWD%3D<<{password}>>%3B\n",
            "{\"s\":\"DRIVER={SQL Server};SERVER=db01\\\\sql;UID=app;PWD=<<{password}>>;\"}",
        ],
        &[
            "Driver={SQL Server};Server=db01;Database=crm;Trusted_Connection=yes;",
            "Driver={SQL Server};Server=db01;Uid=app;Pwd={your_password_here};",
            "f'DRIVER={d};SERVER={s};UID={u};PWD={p}'",
            "'DRIVER={SQL Server};SERVER=db01;UID={0};PWD={1}'.format(u, p)",
            "\"Driver={SQL Server};Server=db01;Uid=app;Pwd=\" + pwd + \";\"",
            "Driver={SQL Server};Server=acme.database.windows.net;Uid=app;Pwd={password};",
            "Driver={x};Server=acme.c9akciq32abc.eu-west-1.rds.amazonaws.com;Uid=app;Pwd={password};",
            "Driver={x};Uid=app;Pwd={password};Server=acme.postgres.database.azure.com",
            "Server=db01;User Id=app;Password={password};",
            "[crm]\nDriver=FreeTDS\nServer=db01\n\n[mail]\nPassword={password}\n",
            "[crm]\nDriver=FreeTDS\nServer=db01\nUID=app\nPWD=\n",
            "SENTRY_DSN=https://{hex40}@sentry.example/1\npassword={password}\n",
            "odbc_connect('crm', 'app', $password);",
            "PWD = /srv/app; driver = x;",
            "driver = webdriver.Chrome()\npassword = \"{password}\"\n",
        ],
    ),
];

/// The text without its marks, and where the secret lies in it.
fn marked(template: &str, service: &(&str, &str, &str, &str)) -> (String, std::ops::Range<u64>) {
    let (_, host, scheme, port) = service;
    let template = template
        .replace("HOST", host)
        .replace("SCHEME", scheme)
        .replace("PORT", port);
    let text = made(&template, &template);
    let (before, rest) = text.split_once("<<").unwrap_or((&text, ">>"));
    let (secret, after) = rest.split_once(">>").unwrap_or(("", ""));
    let place = before.len() as u64..(before.len() + secret.len()) as u64;
    (format!("{before}{secret}{after}"), place)
}

/// Nothing, if the secret lies at its place and nothing but this type is reported there.
fn misread(text: &str, place: &std::ops::Range<u64>, secret_type: &str) -> Option<String> {
    let kept = Texts::shared().resolved(text.as_bytes());
    let kept: Vec<_> = kept
        .iter()
        .map(|found| {
            let name = Texts::shared().type_of(found);
            let variant = Texts::shared().variant(found);
            (
                name,
                variant.name.as_str(),
                found.span.clone(),
                found.suppressed,
            )
        })
        .collect();
    let here: Vec<_> = kept
        .iter()
        .filter(|(_, _, span, _)| span.start < place.end && place.start < span.end)
        .collect();
    let is_right = matches!(
        here.as_slice(),
        [(name, _, span, None)] if *name == secret_type && span == place
    );
    (!is_right).then(|| format!("{secret_type} at {place:?}, found {kept:?} in {text:?}"))
}

#[test]
fn logins_are_found_where_they_lie_for_every_service() {
    let mut wrong: Vec<String> = Vec::new();
    for service in SERVICES {
        for template in LOGINS {
            let (text, place) = marked(template, service);
            wrong.extend(misread(&text, &place, service.0));
        }
        let is_postgresql = service.2.starts_with("postgres") || service.2.starts_with("redshift");
        let own = if is_postgresql {
            LOGINS_OF_POSTGRESQL
        } else {
            LOGINS_OF_MYSQL
        };
        for template in own {
            let (text, place) = marked(template, service);
            wrong.extend(misread(&text, &place, service.0));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn look_alikes_of_logins_are_not_found() {
    let mut scan = Scan::new();
    let mut wrong: Vec<String> = Vec::new();
    for service in SERVICES {
        for template in LOOK_ALIKES {
            let (text, _) = marked(template, service);
            let found = scan.believed(text.as_bytes(), service.0);
            wrong.extend(
                found
                    .first()
                    .map(|found| format!("{} at {:?} in {text:?}", service.0, found.span)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn secrets_of_one_kind_of_database_are_found_and_their_look_alikes_are_not() {
    let mut scan = Scan::new();
    let mut wrong: Vec<String> = Vec::new();
    let nowhere = ("", "HOST", "SCHEME", "PORT");
    for (secret_type, texts, look_alikes) in OWN {
        assert!(
            texts.len() >= 10 && look_alikes.len() >= 10,
            "{secret_type}"
        );
        for template in *texts {
            let (text, place) = marked(template, &nowhere);
            wrong.extend(misread(&text, &place, secret_type));
        }
        for template in *look_alikes {
            let text = made(template, template);
            let found = scan.believed(text.as_bytes(), secret_type);
            wrong.extend(
                found
                    .first()
                    .map(|found| format!("{secret_type} at {:?} in {text:?}", found.span)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn logins_in_utf_16_and_base64_are_found_too() {
    let mut scan = Scan::new();
    for service in SERVICES {
        let (text, place) = marked(LOGINS[0], service);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found = scan.believed(&wide, service.0);
        let place = place.start * 2..place.end * 2;
        assert!(found.iter().any(|found| found.span == place), "{text}");
    }
}

#[test]
fn the_rows_of_databases_are_those_of_the_published_table() {
    const EVERYWHERE: &str = "inventory, explorer, recommendations, attack paths";
    const SHORT: &str = "inventory, explorer";
    // Microsoft Defender for Cloud, "Protecting secrets", section "Discovery support".
    for (id, name, vm, review) in [
        (
            "azure-postgresql-connection-string",
            "Plaintext Azure database for PostgreSQL.",
            true,
            EVERYWHERE,
        ),
        (
            "azure-mysql-connection-string",
            "Plaintext Azure database for MySQL.",
            true,
            EVERYWHERE,
        ),
        (
            "azure-mariadb-connection-string",
            "Plaintext Azure database for MariaDB.",
            true,
            EVERYWHERE,
        ),
        (
            "azure-cosmos-db-connection-string",
            "Plaintext Azure Cosmos DB, including PostgreSQL, MySQL and MariaDB.",
            true,
            EVERYWHERE,
        ),
        (
            "aws-rds-connection-string",
            "Plaintext AWS RDS connection string, supports SQL PAAS:<br/>Plaintext Amazon Aurora with \
             Postgres and MySQL flavors.<br/>Plaintext Amazon custom RDS with Oracle and SQL Server \
             flavors.",
            true,
            EVERYWHERE,
        ),
        (
            "aws-redshift-credentials",
            "Plaintext AWS Redshift credentials.",
            false,
            SHORT,
        ),
        (
            "odbc-connection-string",
            "Plaintext ODBC connection string.",
            false,
            SHORT,
        ),
    ] {
        let row = Texts::shared()
            .rules()
            .types
            .iter()
            .find(|row| row.id == id)
            .unwrap();
        let found = (
            row.name.as_str(),
            row.vm,
            row.deployment,
            row.review.as_str(),
        );
        assert_eq!(found, (name, vm, true, review), "{id}");
    }
}

/// Kind, name, endpoint, user, database and port that a text names.
#[test]
fn the_login_is_read_from_the_text_around_the_password() {
    let mut scan = Scan::new();
    for (template, variant, expected) in [
        (
            "Server=Acme.postgres.database.azure.com;Database=crm;Port=6432;User Id=app@acme;Password={password};",
            "azure-postgresql-connection-string/keyvalue",
            "postgresql-server acme acme.postgres.database.azure.com app crm 6432",
        ),
        (
            "postgresql://app%40acme:{password}@acme.privatelink.postgres.database.azure.com:5432/crm?x=1",
            "azure-postgresql-connection-string/uri",
            "postgresql-server acme acme.postgres.database.azure.com app crm 5432",
        ),
        (
            "acme.postgres.database.azure.com:5432:crm:app:{password}\n",
            "azure-postgresql-connection-string/pgpass",
            "postgresql-server acme acme.postgres.database.azure.com app crm 5432",
        ),
        (
            "psql \"host=acme.postgres.database.azure.com port=5432 dbname=crm user=app password={password}\"",
            "azure-postgresql-connection-string/libpq",
            "postgresql-server acme acme.postgres.database.azure.com app crm 5432",
        ),
        (
            "mysql -h acme.mysql.database.azure.com -P 3306 -u app -p{password} -D crm\n",
            "azure-mysql-connection-string/cli",
            "mysql-server acme acme.mysql.database.azure.com app crm 3306",
        ),
        (
            "app:{password}@tcp(acme.mysql.database.azure.com:3306)/crm",
            "azure-mysql-connection-string/uri",
            "mysql-server acme acme.mysql.database.azure.com app crm 3306",
        ),
        (
            "DB_HOST=acme.mariadb.database.azure.com\nDB_PORT=3306\nDB_NAME=crm\nDB_USER=app\nDB_PASSWORD={password}\n",
            "azure-mariadb-connection-string/split-fields",
            "mariadb-server acme acme.mariadb.database.azure.com app crm 3306",
        ),
        (
            "jdbc:postgresql://acme.cluster-c9akciq32abc.eu-west-1.rds.amazonaws.com:5432/crm?user=app&password={password}",
            "aws-rds-connection-string/jdbc",
            "rds-cluster acme acme.cluster-c9akciq32abc.eu-west-1.rds.amazonaws.com app crm 5432",
        ),
        (
            "sqlplus app/{password}@//acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL",
            "aws-rds-connection-string/oracle",
            "rds-instance acme acme.c9akciq32abc.eu-west-1.rds.amazonaws.com app ORCL 1521",
        ),
        (
            "jdbc:redshift://wg.210987654321.eu-west-1.redshift-serverless.amazonaws.com:5439/dev;UID=app;PWD={password}",
            "aws-redshift-credentials/jdbc",
            "redshift-workgroup wg wg.210987654321.eu-west-1.redshift-serverless.amazonaws.com app dev 5439",
        ),
        (
            "postgres://citus:{password}@c-acme.q3z5k7m9p1r2t4.postgres.cosmos.azure.com:5432/citus",
            "azure-cosmos-db-connection-string/postgresql",
            "cosmos-cluster acme c-acme.q3z5k7m9p1r2t4.postgres.cosmos.azure.com citus citus 5432",
        ),
        (
            "Driver={SQL Server};Server=tcp:DB01\\x,1433;Database=crm;Uid=app;Pwd={password};",
            "odbc-connection-string/driver-or-dsn",
            "database db01 db01 app crm 1433",
        ),
        (
            "DSN=crm;UID=app;PWD={password};",
            "odbc-connection-string/driver-or-dsn",
            "odbc-data-source crm  app  ",
        ),
    ] {
        let found = scan.only(&made(template, template), variant);
        let target = found.proof.target.unwrap();
        let text = |value: Option<&serde_json::Value>| {
            value
                .map(|value| value.to_string().trim_matches('"').to_owned())
                .unwrap_or_default()
        };
        let read = format!(
            "{} {} {} {} {} {}",
            target.kind,
            target.name,
            target.endpoint.unwrap_or_default(),
            text(found.proof.identity.get("user")),
            text(found.proof.details.get("database")),
            text(found.proof.details.get("port"))
        );
        assert_eq!(read, expected, "{template}");
    }
}

#[test]
fn hosts_of_aws_say_account_region_and_engine() {
    let mut scan = Scan::new();
    let found = scan.only(
        &made(
            "mysql://app:{password}@acme.c9akciq32abc.eu-west-1.rds.amazonaws.com/crm",
            "rds",
        ),
        "aws-rds-connection-string/uri",
    );
    assert_eq!(found.proof.identity["account_code"], "c9akciq32abc");
    assert_eq!(found.proof.details["region"], "eu-west-1");
    assert_eq!(found.proof.details["engine"], "mysql");
    let found = scan.only(
        &made(
            "redshift://app:{password}@wg.210987654321.eu-west-1.redshift-serverless.amazonaws.com/dev",
            "serverless",
        ),
        "aws-redshift-credentials/uri",
    );
    assert_eq!(found.proof.identity["account"], "210987654321");
}

#[test]
fn a_key_of_cosmos_db_says_what_it_may_do() {
    let mut scan = Scan::new();
    let found = scan.only(
        &made("AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey={azure-cosmos-key};Database=crm;", "rw"),
        "azure-cosmos-db-connection-string/sql-api",
    );
    assert_eq!(found.proof.verdict, Some(Verdict::Checksum));
    assert_eq!(found.proof.severity, Some(Severity::Critical));
    assert_eq!(found.proof.details["key"], "read-write");
    assert_eq!(found.proof.details["database"], "crm");
    assert_eq!(found.proof.target.unwrap().name, "acme");
}

#[test]
fn published_keys_and_hosts_are_suppressed() {
    let emulator = [
        "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mG",
        "GyPMbIZnqyMsEcaGQy67XIw/Jw==",
    ]
    .concat();
    for text in [
        format!("COSMOS_KEY={emulator}\n"),
        made(
            "mysql://app:{password}@mydb.123456789012.us-east-1.rds.amazonaws.com/crm",
            "docs",
        ),
        made(
            "jdbc:redshift://examplecluster.abc123xyz789.us-west-2.redshift.amazonaws.com:5439/dev?user=a&password={password}",
            "docs",
        ),
    ] {
        let found = Texts::shared().resolved(text.as_bytes());
        assert!(!found.is_empty(), "{text}");
        for found in found {
            assert_eq!(found.suppressed, Some("published example"), "{text}");
        }
    }
}

#[test]
fn of_several_records_each_host_has_its_own_password() {
    let mut scan = Scan::new();
    for template in [
        "[{\"password\":\"P1\",\"host\":\"a.HOST\"},{\"password\":\"P2\",\"host\":\"b.HOST\"}]",
        "[{\"host\":\"a.HOST\",\"password\":\"P1\"},{\"host\":\"b.HOST\",\"password\":\"P2\"}]",
    ] {
        let text = template
            .replace("HOST", "postgres.database.azure.com")
            .replace("P1", &made("{password}", "one"))
            .replace("P2", &made("{password}", "two"));
        let mut found: Vec<(String, String)> = scan
            .believed(text.as_bytes(), "azure-postgresql-connection-string")
            .into_iter()
            .map(|found| {
                let secret = String::from_utf8(found.secret).unwrap();
                (found.proof.target.unwrap().name, secret)
            })
            .collect();
        found.sort();
        let own = |host: &str, seed| (host.to_owned(), made("{password}", seed));
        assert_eq!(found, [own("a", "one"), own("b", "two")], "{text}");
    }
}
