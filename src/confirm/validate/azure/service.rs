//! The services that keys open, known by their hosts.
//!
//! Host names: Azure documentation of each service, and its lists of endpoints for Azure
//! Government and Azure China.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use crate::confirm::Proof;
use crate::confirm::validate::context::{self, Pattern, gap_between};

/// How far from a key the host of its service is looked for, in bytes.
pub(super) const CONTEXT: usize = 400;

/// A service, and what its hosts look like: group `host`, and within it `name` where the host is
/// one customer's own.
pub(super) struct Service {
    kind: &'static str,
    host: Pattern,
}

/// A service named near a key.
pub(super) struct Near {
    /// Bytes between the two.
    pub(super) gap: usize,
    name: Option<String>,
    host: Option<String>,
}

impl Service {
    const fn new(kind: &'static str, host: &'static str) -> Self {
        Self {
            kind,
            host: Pattern::new(host),
        }
    }

    /// The nearest host of the service within [`CONTEXT`] bytes of a place.
    pub(super) fn near(&self, window: &[u8], place: &Range<usize>) -> Option<Near> {
        let found = self.host.nearest(window, place, CONTEXT)?;
        let lower = |name| context::text_of(&found, name).map(|text| text.to_ascii_lowercase());
        Some(Near {
            gap: gap_between(&found.get(0)?.range(), place),
            name: lower("name"),
            host: lower("host"),
        })
    }

    /// Adds what the key at this place opens, if a host near it says so.
    pub(super) fn opened_near(&self, proof: Proof, window: &[u8], place: &Range<usize>) -> Proof {
        match self.near(window, place) {
            Some(Near {
                name: Some(name),
                host,
                ..
            }) => proof.opens(self.kind, &name, host),
            // A host that all customers of a region share names no resource.
            Some(Near {
                host: Some(host), ..
            }) => proof.detail("endpoint", host),
            _ => proof,
        }
    }

    /// Adds that the key opens the resource at this host, whose first label is its name.
    pub(super) fn opened_at(&self, proof: Proof, host: &[u8]) -> Proof {
        let host = context::text(host).to_ascii_lowercase();
        let name = host.split('.').next().unwrap_or_default().to_owned();
        proof.opens(self.kind, &name, Some(host))
    }
}

pub(super) static API_MANAGEMENT: Service = Service::new(
    "api-management",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9][a-z0-9-]{0,62})\.(?:management\.|scm\.|portal\.|developer\.)?azure-api\.(?:net|us|cn))(?:[^a-z0-9.-]|$)",
);

pub(super) static APP_CONFIGURATION: Service = Service::new(
    "app-configuration",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{1,63})\.azconfig\.(?:io|azure\.us|azure\.cn))(?:[^a-z0-9.-]|$)",
);

pub(super) static BATCH: Service = Service::new(
    "batch-account",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9]{3,24})\.[a-z0-9]{4,24}\.batch\.azure\.(?:com|us|cn))(?:[^a-z0-9.-]|$)",
);

/// A bot has no host of its own: its handle or application id stands beside the secret.
pub(super) static BOT: Service = Service::new(
    "bot",
    r#"(?i)(?:\.botframework\.com/embed/|bot[_-]?(?:id|handle|name)["'\]]{0,2}\s{0,4}[:=]\s{0,4}["']?|microsoft_?app_?id["'\]]{0,2}\s{0,4}[:=]\s{0,4}["']?)(?<name>[a-z0-9][a-z0-9_-]{1,63})"#,
);

pub(super) static COGNITIVE: Service = Service::new(
    "cognitive-services",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9][a-z0-9-]{0,62})\.(?:cognitiveservices\.azure\.(?:com|us|cn)|openai\.azure\.(?:com|us))|[a-z0-9]{2,24}\.api\.cognitive\.(?:microsoft|azure)\.(?:com|us|cn)|(?:[a-z-]{3,12}\.)?(?:api\.)?(?:cognitive\.)?microsofttranslator\.com|[a-z0-9]{2,24}\.(?:tts|stt|s2s|voice)\.speech\.microsoft\.com)(?:[^a-z0-9.-]|$)",
);

pub(super) static COMMUNICATION: Service = Service::new(
    "communication-services",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{1,63})(?:\.[a-z]{2,20})?\.communication\.azure\.(?:com|us))(?:[^a-z0-9.-]|$)",
);

pub(super) static DATABRICKS: Service = Service::new(
    "databricks-workspace",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>adb-[0-9]{10,20}\.[0-9]{1,2})\.azuredatabricks\.net|(?:[a-z0-9-]{1,30}\.){1,2}(?:azuredatabricks\.net|cloud\.databricks\.com|gcp\.databricks\.com))(?:[^a-z0-9.-]|$)",
);

pub(super) static EVENT_GRID: Service = Service::new(
    "event-grid",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{3,50})\.[a-z0-9]{4,24}-[0-9]{1,2}\.(?:ts\.)?eventgrid\.azure\.(?:net|us|cn))(?:[^a-z0-9.-]|$)",
);

pub(super) static FUNCTION_APP: Service = Service::new(
    "function-app",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{2,60})\.(?:azurewebsites\.(?:net|us)|chinacloudsites\.cn))(?:[^a-z0-9.-]|$)",
);

pub(super) static IOT_HUB: Service = Service::new(
    "iot-hub",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{3,64})\.azure-devices(?:-provisioning)?\.(?:net|cn|us))(?:[^a-z0-9.-]|$)",
);

pub(super) static MACHINE_LEARNING: Service = Service::new(
    "machine-learning",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{3,64})\.[a-z0-9]{4,24}\.inference\.ml\.azure\.com|[a-z0-9]{4,24}\.services\.azureml\.net|[a-z0-9-]{3,64}\.[a-z0-9]{4,24}\.azurecontainer\.io)(?:[^a-z0-9.-]|$)",
);

/// All customers share the host, so it names no target.
pub(super) static MAPS: Service = Service::new(
    "maps",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?:[a-z]{2}\.)?atlas\.microsoft\.com)(?:[^a-z0-9.-]|$)",
);

pub(super) static MESSAGING: Service = Service::new(
    "messaging-namespace",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{2,63})\.servicebus\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net))(?:[^a-z0-9.-]|$)",
);

pub(super) static REDIS: Service = Service::new(
    "redis-cache",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{1,63})\.redis\.cache\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net))(?:[^a-z0-9.-]|$)",
);

pub(super) static REGISTRY: Service = Service::new(
    "container-registry",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9]{5,50})\.azurecr\.(?:io|cn|us))(?:[^a-z0-9.-]|$)",
);

pub(super) static SIGNALR: Service = Service::new(
    "signalr",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{1,63})\.(?:service\.signalr\.(?:net|azure\.us)|signalr\.azure\.cn))(?:[^a-z0-9.-]|$)",
);

pub(super) static WEB_PUBSUB: Service = Service::new(
    "web-pubsub",
    r"(?i)(?:^|[^a-z0-9.-])(?<host>(?<name>[a-z0-9-]{1,63})\.webpubsub\.azure\.(?:com|us|cn))(?:[^a-z0-9.-]|$)",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn named(service: &Service, text: &str) -> Option<(Option<String>, Option<String>)> {
        let near = service.near(text.as_bytes(), &(0..1))?;
        Some((near.name, near.host))
    }

    #[test]
    fn every_service_is_read_from_its_host() {
        for (service, host, name) in [
            (&API_MANAGEMENT, "acme.azure-api.net", "acme"),
            (&API_MANAGEMENT, "acme.management.azure-api.net", "acme"),
            (&APP_CONFIGURATION, "acme.azconfig.io", "acme"),
            (&BATCH, "acme.westeurope.batch.azure.com", "acme"),
            (&COGNITIVE, "acme.openai.azure.com", "acme"),
            (&COGNITIVE, "acme.cognitiveservices.azure.com", "acme"),
            (
                &COMMUNICATION,
                "acme.france.communication.azure.com",
                "acme",
            ),
            (
                &DATABRICKS,
                "adb-1234567890123456.7.azuredatabricks.net",
                "adb-1234567890123456.7",
            ),
            (&EVENT_GRID, "acme.westeurope-1.eventgrid.azure.net", "acme"),
            (&FUNCTION_APP, "acme.azurewebsites.net", "acme"),
            (&IOT_HUB, "acme.azure-devices.net", "acme"),
            (&IOT_HUB, "acme.azure-devices-provisioning.net", "acme"),
            (
                &MACHINE_LEARNING,
                "acme.westeurope.inference.ml.azure.com",
                "acme",
            ),
            (&MESSAGING, "acme.servicebus.windows.net", "acme"),
            (&REDIS, "acme.redis.cache.windows.net", "acme"),
            (&REGISTRY, "acme0.azurecr.io", "acme0"),
            (&SIGNALR, "acme.service.signalr.net", "acme"),
            (&SIGNALR, "acme.signalr.azure.cn", "acme"),
            (&WEB_PUBSUB, "acme.webpubsub.azure.com", "acme"),
        ] {
            let found = named(
                service,
                &format!("K https://{}/x", host.to_ascii_uppercase()),
            );
            assert_eq!(
                found,
                Some((Some(name.to_owned()), Some(host.to_owned()))),
                "{host}"
            );
            let longer = format!("K https://{host}.evil.example/");
            assert_eq!(named(service, &longer), None, "{longer}");
        }
    }

    #[test]
    fn a_shared_host_names_no_resource() {
        for (service, host) in [
            (&COGNITIVE, "westeurope.api.cognitive.microsoft.com"),
            (&COGNITIVE, "api.cognitive.microsofttranslator.com"),
            (&COGNITIVE, "westus.tts.speech.microsoft.com"),
            (&MACHINE_LEARNING, "ussouthcentral.services.azureml.net"),
            (&MAPS, "us.atlas.microsoft.com"),
        ] {
            let found = named(service, &format!("K {host}"));
            assert_eq!(found, Some((None, Some(host.to_owned()))), "{host}");
            let proof = Proof::default();
            let proof = service.opened_near(proof, format!("K {host}").as_bytes(), &(0..1));
            assert_eq!(proof.target, None);
            assert_eq!(proof.details["endpoint"], host);
        }
    }

    #[test]
    fn a_bot_is_read_from_what_names_it() {
        for text in [
            "K https://webchat.botframework.com/embed/acme-bot?s=",
            "K botId: 'acme-bot'",
            "K \"MicrosoftAppId\": \"acme-bot\"",
        ] {
            assert_eq!(
                named(&BOT, text),
                Some((Some("acme-bot".to_owned()), None)),
                "{text}"
            );
        }
    }
}
