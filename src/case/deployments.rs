//! Deployments in the case: each is an asset, whatever file it was read from.
//!
//! One file holds many, so each has an image of its own in the case: what a later complete scan no
//! longer finds is gone from the deployments it saw, and from no others.

use rusqlite::{OptionalExtension, params};

use super::findings::{Deployed, Scan};
use super::write::file_of;
use super::{CaseError, Import};
use crate::finding::deployment::Deployment;

/// Clouds by the beginning of a kind.
const CLOUDS: &[(&str, &str)] = &[("arm.", "azure"), ("cfn.", "aws"), ("dm.", "gcp")];

impl Import<'_> {
    /// Takes a deployment that was scanned, whether anything was found in it or not.
    ///
    /// # Errors
    /// When the database fails.
    pub fn scanned(&mut self, scan: &Scan, seen: &Deployment) -> Result<(), CaseError> {
        let deployed = Deployed {
            deployment: seen.deployment.as_deref(),
            kind: Some(&seen.deployment_kind),
            resource: None,
        };
        self.deployed(scan, &seen.input, seen.path.as_deref(), deployed)?;
        Ok(())
    }

    /// The image and asset of a deployment. None if it is none, or has no id of its own and the
    /// user has named what the input is of.
    pub(super) fn deployed(
        &mut self,
        scan: &Scan,
        input: &str,
        path: Option<&str>,
        deployed: Deployed<'_>,
    ) -> Result<Option<(i64, i64)>, CaseError> {
        let (uid, kind) = match (deployed.deployment, deployed.kind) {
            (Some(id), kind) => (id.to_ascii_lowercase(), kind.unwrap_or_else(|| kind_of(id))),
            (None, Some(kind)) if scan.asset.is_none() => {
                let file = path.unwrap_or(input).to_ascii_lowercase();
                (format!("deployment:{file}"), kind)
            }
            (None, _) => return Ok(None),
        };
        let known = if kind == "cfn.stack" && !uid.starts_with("arn:") {
            self.stack_named(&uid)?
        } else {
            None
        };
        let asset = match known {
            Some(asset) => asset,
            None => self.deployment(&uid, kind)?,
        };
        let own = format!("{input}#{uid}");
        let image: i64 = self
            .transaction
            .prepare_cached(
                "INSERT INTO image (input, file, asset_id) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET asset_id = excluded.asset_id RETURNING id",
            )?
            .query_row(params![own, own, asset], |row| row.get(0))?;
        self.transaction
            .prepare_cached("INSERT OR IGNORE INTO scanned VALUES (?1, ?2)")?
            .execute([image, scan.id])?;
        Ok(Some((image, asset)))
    }

    /// The one stack of this name, if there is one: some answers of the AWS CLI name stacks without
    /// their id.
    fn stack_named(&self, name: &str) -> Result<Option<i64>, CaseError> {
        let found = self
            .transaction
            .prepare_cached(
                "SELECT min(id) FROM asset WHERE kind = 'deployment' AND service = 'cfn.stack'
                 AND lower(name) = ?1 AND uid GLOB 'arn:*' HAVING count(*) = 1",
            )?
            .query_row([name], |row| row.get(0))
            .optional()?;
        Ok(found)
    }

    /// Moves what was found in stacks that were known by their name to the stacks that an inventory
    /// or another scan has named since.
    pub(super) fn rename_stacks(&mut self) -> Result<(), CaseError> {
        let moved = self.transaction.execute(
            "UPDATE image SET asset_id = listed.id FROM asset short JOIN asset listed
                 ON listed.kind = 'deployment' AND listed.service = 'cfn.stack'
                 AND lower(listed.name) = short.uid AND listed.uid GLOB 'arn:*'
             WHERE short.kind = 'deployment' AND short.service = 'cfn.stack'
               AND short.uid NOT GLOB '*:*' AND image.asset_id = short.id
               AND (SELECT count(*) FROM asset same WHERE same.kind = 'deployment'
                    AND same.service = 'cfn.stack' AND lower(same.name) = short.uid
                    AND same.uid GLOB 'arn:*') = 1",
            [],
        )?;
        self.moved |= moved > 0;
        Ok(())
    }

    fn deployment(&mut self, uid: &str, kind: &str) -> Result<i64, CaseError> {
        let cloud = CLOUDS.iter().find(|(start, _)| kind.starts_with(start));
        let cloud = cloud.map_or("", |(_, cloud)| cloud);
        // `arn:aws:cloudformation:eu-west-1:210987654321:stack/shop/...`, `/subscriptions/ID/...`
        let account = match cloud {
            "aws" => uid.split(':').nth(4),
            "azure" => uid
                .strip_prefix("/subscriptions/")
                .and_then(|rest| rest.split('/').next()),
            _ => None,
        };
        let name = match uid.split_once(":stack/") {
            Some((_, stack)) => stack.split('/').next().unwrap_or(stack),
            None => file_of(uid),
        };
        let asset = self
            .transaction
            .prepare_cached(
                "INSERT INTO asset (uid, kind, service, cloud, account, name)
                 VALUES (?1, 'deployment', ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET kind = 'deployment', service = excluded.service,
                     cloud = excluded.cloud, stub = 0
                 RETURNING id",
            )?
            .query_row(
                params![uid, kind, cloud, account.unwrap_or(""), name],
                |row| row.get(0),
            )?;
        Ok(asset)
    }

    /// Whether an input of this scan was read as deployments, each of which has an image: the file
    /// around them is then no asset.
    pub(super) fn is_of_deployments(
        &mut self,
        scan: &Scan,
        input: &str,
    ) -> Result<bool, CaseError> {
        // What begins with the input and `#`: `$` comes after it.
        let found = self
            .transaction
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM image JOIN scanned ON image_id = image.id
                 WHERE scan_id = ?1 AND input >= ?2 || '#' AND input < ?2 || '$')",
            )?
            .query_row(params![scan.id, input], |row| row.get(0))?;
        Ok(found)
    }
}

/// The kind of a deployment whose finding names only its id.
fn kind_of(id: &str) -> &'static str {
    if id.starts_with("arn:") {
        "cfn.stack"
    } else if id
        .to_ascii_lowercase()
        .contains("/microsoft.resources/deployments/")
    {
        "arm.deployment"
    } else {
        "deployment"
    }
}
