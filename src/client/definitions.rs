//! What is kept in versions: workflows and templates, which are asked for in the same way.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Client, ClientError, Document, Import, Made, Page, Saved, Version, Workflow};

/// What is kept in versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// Workflows.
    Workflows,
    /// Templates.
    Templates,
}

impl Shelf {
    /// Where they are.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Workflows => "workflows",
            Self::Templates => "templates",
        }
    }

    /// What one of them is called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Workflows => "workflow",
            Self::Templates => "template",
        }
    }
}

impl Client {
    /// One page of them.
    pub async fn kept(
        &self,
        shelf: Shelf,
        query: &[(&str, String)],
    ) -> Result<Answer<Page<Workflow>>, ClientError> {
        self.get(shelf.path(), query).await
    }

    /// One of them.
    pub async fn kept_one(
        &self,
        shelf: Shelf,
        name: &str,
        version: Option<u64>,
    ) -> Result<Answer<Workflow>, ClientError> {
        let query: Vec<_> = version.map(|version| ("version", version.to_string())).into_iter().collect();
        self.get(&format!("{}/{name}", shelf.path()), &query).await
    }

    /// Saves a document under the name that it has, as a new version.
    pub async fn save(
        &self,
        shelf: Shelf,
        name: &str,
        document: &Document,
        message: Option<&str>,
    ) -> Result<Answer<Saved>, ClientError> {
        let media_type = if document.is_json { "application/json" } else { "application/yaml" };
        let query: Vec<_> = message.map(|message| ("message", message.to_owned())).into_iter().collect();
        let request = self.request(Method::PUT, &format!("{}/{name}", shelf.path()), &query);
        self.answer(request.header("content-type", media_type).body(document.text.clone())).await
    }

    /// One page of the versions of one of them.
    pub async fn versions(
        &self,
        shelf: Shelf,
        name: &str,
        query: &[(&str, String)],
    ) -> Result<Answer<Page<Version>>, ClientError> {
        self.get(&format!("{}/{name}/versions", shelf.path()), query).await
    }

    /// Deletes one of them; it can be restored.
    pub async fn delete(&self, shelf: Shelf, name: &str) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, &format!("{}/{name}", shelf.path()), &[])).await.map(drop)
    }

    /// Restores one of them.
    pub async fn restore(&self, shelf: Shelf, name: &str) -> Result<Answer<Workflow>, ClientError> {
        self.answer(self.request(Method::POST, &format!("{}/{name}/restore", shelf.path()), &[])).await
    }

    /// Says whom one of them is for: `private` or `public`.
    pub async fn set_visibility(
        &self,
        shelf: Shelf,
        name: &str,
        visibility: &str,
    ) -> Result<Answer<Value>, ClientError> {
        let request = self.request(Method::PUT, &format!("{}/{name}/visibility", shelf.path()), &[]);
        self.answer(request.json(&json!({ "visibility": visibility }))).await
    }

    /// How two versions of a workflow differ.
    pub async fn diff(
        &self,
        name: &str,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Answer<Value>, ClientError> {
        let named = [("from", from), ("to", to)];
        let query: Vec<_> =
            named.into_iter().filter_map(|(key, number)| Some((key, number?.to_string()))).collect();
        self.get(&format!("workflows/{name}/diff"), &query).await
    }

    /// Makes the document of an earlier version of a workflow the next one.
    pub async fn roll_back(
        &self,
        name: &str,
        version: u64,
        message: Option<&str>,
    ) -> Result<Answer<Saved>, ClientError> {
        let key = uuid::Uuid::new_v4().to_string();
        let request = self.request(Method::POST, &format!("workflows/{name}/rollback"), &[]);
        let body = json!({ "version": version, "message": message });
        self.answer(request.header("idempotency-key", key).json(&body)).await
    }

    /// Makes a workflow of a template, and saves it if that is asked for.
    pub async fn instantiate(&self, template: &str, body: &Value) -> Result<Answer<Made>, ClientError> {
        let key = uuid::Uuid::new_v4().to_string();
        let request = self.request(Method::POST, &format!("templates/{template}/instantiate"), &[]);
        self.answer(request.header("idempotency-key", key).json(body)).await
    }

    /// Makes a template of a workflow, and saves it if that is asked for.
    pub async fn template_of(&self, body: &Value) -> Result<Answer<Made>, ClientError> {
        let key = uuid::Uuid::new_v4().to_string();
        let request = self.request(Method::POST, "templates/from-workflow", &[]);
        self.answer(request.header("idempotency-key", key).json(body)).await
    }

    /// A workflow with all that it names.
    pub async fn bundle(&self, name: &str, all_versions: bool) -> Result<Value, ClientError> {
        let query = [("all_versions", all_versions.to_string())];
        self.send(self.request(Method::GET, &format!("workflows/{name}/bundle"), &query)).await
    }

    /// Takes a bundle in, or says what would become of it.
    pub async fn import(&self, bundle: String, dry_run: bool) -> Result<Answer<Import>, ClientError> {
        let key = uuid::Uuid::new_v4().to_string();
        let query = [("dry_run", dry_run.to_string())];
        let request = self.request(Method::POST, "workflows/import", &query).header("idempotency-key", key);
        self.answer(request.header("content-type", "application/json").body(bundle)).await
    }
}
