//! What lies on the demo disk: one row per planted secret or look-alike.

/// A specimen, the file it is written to, and the text around it.
pub(super) struct Plant {
    /// Identifier of the secret type it is, or looks like.
    pub(super) secret_type: &'static str,
    /// Name of the specimen.
    pub(super) maker: &'static str,
    /// Path on the disk.
    pub(super) path: &'static str,
    /// Content of the file; `{}` is the specimen.
    pub(super) template: &'static str,
    /// Whether it must be found.
    pub(super) secret: bool,
    /// Whether the file is deleted afterwards.
    pub(super) deleted: bool,
}

const fn secret(
    secret_type: &'static str,
    maker: &'static str,
    path: &'static str,
    template: &'static str,
) -> Plant {
    Plant {
        secret_type,
        maker,
        path,
        template,
        secret: true,
        deleted: false,
    }
}

const fn deleted(
    secret_type: &'static str,
    maker: &'static str,
    path: &'static str,
    template: &'static str,
) -> Plant {
    Plant {
        deleted: true,
        ..secret(secret_type, maker, path, template)
    }
}

const fn look_alike(
    secret_type: &'static str,
    maker: &'static str,
    path: &'static str,
    template: &'static str,
) -> Plant {
    Plant {
        secret: false,
        ..secret(secret_type, maker, path, template)
    }
}

/// Everything on the disk.
pub(super) const PLANTED: &[Plant] = &[
    secret(
        "ssh-private-key",
        "ssh-openssh-ed25519",
        "home/ops/.ssh/id_ed25519",
        "{}\n",
    ),
    secret(
        "ssh-private-key",
        "ssh-sec1-p256",
        "home/ops/.ssh/id_ecdsa",
        "{}\n",
    ),
    secret(
        "ssh-private-key",
        "ssh-pkcs1-rsa",
        "home/ops/legacy.pem",
        "{}\n",
    ),
    secret(
        "ssh-private-key",
        "ssh-ppk3-ed25519",
        "home/win/Downloads/web01.ppk",
        "{}\n",
    ),
    deleted(
        "ssh-private-key",
        "ssh-pkcs8-p256",
        "tmp/old-key.pem",
        "{}\n",
    ),
    secret(
        "aws-access-key",
        "aws-pair",
        "home/ops/.aws/credentials",
        "[default]\n{}\nregion = eu-west-1\n",
    ),
    secret(
        "aws-s3-presigned-url",
        "s3-presigned-v4",
        "var/log/nginx/access.log",
        "10.0.0.7 - - [01/Mar/2026:10:00:00 +0000] \"GET /report\" 302 \"{}\"\n",
    ),
    secret(
        "github-personal-access-token",
        "github-classic",
        "home/ops/.git-credentials",
        "https://ops:{}@github.com\n",
    ),
    secret(
        "github-personal-access-token",
        "github-fine-grained",
        "srv/ci/.env",
        "GITHUB_TOKEN={}\n",
    ),
    deleted(
        "github-personal-access-token",
        "github-oauth",
        "tmp/hub-token.txt",
        "oauth_token: {}\n",
    ),
    secret(
        "npm-author-token",
        "npm-token",
        "srv/app/.npmrc",
        "//registry.npmjs.org/:_authToken={}\n",
    ),
    secret(
        "slack-access-token",
        "slack-bot",
        "srv/bot/config.json",
        "{\"slack\": {\"token\": \"{}\"}}\n",
    ),
    secret(
        "openai-api-key",
        "openai-project",
        "srv/app/settings.py",
        "OPENAI_API_KEY = '{}'\n",
    ),
    secret(
        "openai-api-key",
        "openai-legacy",
        "home/dev/.bashrc",
        "export OPENAI_API_KEY={}\n",
    ),
    secret(
        "azure-storage-connection-string",
        "azure-storage-connection",
        "var/www/shop/appsettings.json",
        "{\"ConnectionStrings\": {\"Storage\": \"{}\"}}\n",
    ),
    secret(
        "azure-storage-connection-string",
        "azure-storage-key",
        "srv/terraform/terraform.tfstate",
        "\"primary_access_key\": \"{}\"\n",
    ),
    secret(
        "azure-storage-sas",
        "azure-storage-sas",
        "home/ops/copy.sh",
        "azcopy copy ./out '{}'\n",
    ),
    secret(
        "azure-sql-connection-string",
        "azure-sql-ado",
        "var/www/shop/web.config",
        "<add name=\"Shop\" connectionString=\"{}\" />\n",
    ),
    secret(
        "azure-devops-pat",
        "azure-devops-pat84",
        "home/dev/.netrc",
        "machine dev.azure.com login pat password {}\n",
    ),
    secret(
        "azure-devops-pat",
        "azure-devops-pat52",
        "home/dev/notes.txt",
        "remember: {}\n",
    ),
    secret(
        "azure-ad-client-secret",
        "entra-secret",
        "etc/kubernetes/azure.json",
        "{\"aadClientSecret\": \"{}\"}\n",
    ),
    look_alike(
        "ssh-private-key",
        "ssh-broken-mac",
        "home/win/Downloads/edited.ppk",
        "{}\n",
    ),
    look_alike(
        "ssh-private-key",
        "ssh-truncated",
        "home/ops/.ssh/half",
        "{}\n",
    ),
    secret(
        "private-key",
        "ssh-encrypted-pem",
        "home/ops/.ssh/locked.pem",
        "{}\n",
    ),
    secret(
        "private-key",
        "ssh-encrypted-openssh",
        "home/ops/.ssh/locked",
        "{}\n",
    ),
    look_alike(
        "github-personal-access-token",
        "github-classic-wrong-crc",
        "home/dev/readme.md",
        "for example {}\n",
    ),
    look_alike(
        "npm-author-token",
        "npm-token-wrong-crc",
        "srv/docs/npm.txt",
        "token {}\n",
    ),
    look_alike(
        "azure-devops-pat",
        "azure-devops-pat52-wrong-crc",
        "srv/docs/hash.txt",
        "digest {}\n",
    ),
    look_alike(
        "azure-devops-pat",
        "azure-devops-pat84-wrong-checksum",
        "srv/docs/pat.txt",
        "key {}\n",
    ),
    look_alike(
        "azure-storage-connection-string",
        "azure-storage-key-wrong-checksum",
        "srv/docs/storage.txt",
        "key {}\n",
    ),
    look_alike(
        "azure-ad-client-secret",
        "entra-secret-wrong-checksum",
        "srv/docs/entra.txt",
        "secret {}\n",
    ),
];
