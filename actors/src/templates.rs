//! Templates by name and version: those that somebody saved, and those that are part of the program.
//!
//! A template is kept as a workflow is, on a shelf of its own (`catalogue/shelf.rs`). Promises: a saved version is durable,
//! immutable and can be read; a built-in one is there without anybody having saved it, and nobody can change it. Leaves to
//! others: what a template means (`ghostlight_model::template`) and saving the workflows that are made of one.

use std::sync::Arc;

use ghostlight_model::definitions::Precondition;
use ghostlight_model::definitions::workflow::{VersionHead, WorkflowCommand};
use ghostlight_model::event::Visibility;
use ghostlight_model::ids::{DefinitionHash, Name};
use ghostlight_model::language::{Format, Source};
use ghostlight_model::template::{self, ReadTemplate, Template};
use jiff::Timestamp;

use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::catalogue::{
    EditError, Edited, Kind, ListError, SaveError, SaveWorkflow, Saved, Seen, Shelf, VisibilityFilter,
    WorkflowFilter, format_of, summary,
};
use crate::ledger::{Ledger, blocking};
use crate::views::{Page, PageOf, QueryError};

/// The documents of the built-in templates.
const BUILT_IN: [&str; 3] = [
    include_str!("../../config/templates/approval-chain.yaml"),
    include_str!("../../config/templates/incident-response.yaml"),
    include_str!("../../config/templates/map-over-list.yaml"),
];
/// How a cursor begins that leads into the built-in templates.
const CURSOR_BUILT_IN: &str = "built-in-";

/// All templates. Cheap to clone.
#[derive(Clone)]
pub struct Templates {
    shelf: Shelf,
    built_in: Arc<Vec<BuiltIn>>,
}

struct BuiltIn {
    source: &'static str,
    template: Template,
}

/// One version of a template, whole.
#[derive(Debug, Clone)]
pub struct TemplateVersion {
    /// Its name.
    pub name: Name,
    /// From 1; 0 for one that is built in.
    pub version: u64,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// The document as it was sent.
    pub source: Arc<str>,
    /// What it is written in: `yaml` or `json`.
    pub format: String,
    /// When it was saved; none: it is built in.
    pub saved_at: Option<Timestamp>,
    /// By whom.
    pub saved_by: Option<String>,
    /// Why, for people.
    pub message: String,
    /// Who saved the first version.
    pub owner: Option<String>,
    /// Whom it is for.
    pub visibility: Visibility,
    /// Whether it is offered no more.
    pub deleted: bool,
    /// The latest version.
    pub latest: u64,
    /// What it says; none when this program does not accept the document any more.
    pub template: Option<Template>,
}

/// A row of the list of templates.
#[derive(Debug, Clone)]
pub struct TemplateSummary {
    /// Its name.
    pub name: Name,
    /// For people.
    pub description: String,
    /// The latest version; 0 for one that is built in.
    pub version: u64,
    /// Its hash.
    pub hash: DefinitionHash,
    /// When the latest version was saved; none: it is built in.
    pub saved_at: Option<Timestamp>,
    /// By whom.
    pub saved_by: Option<String>,
    /// Who saved the first version.
    pub owner: Option<String>,
    /// Whom it is for.
    pub visibility: Visibility,
    /// Whether it is offered no more.
    pub deleted: bool,
}

impl Templates {
    /// Reads the heads of all templates from the journal. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`] when a template's stream cannot be read.
    pub fn open(ledger: Ledger) -> Result<Self, StoreError> {
        // A test proves that all of them can be read.
        let built_in = BUILT_IN.iter().filter_map(|source| {
            let template = read(source, Format::Yaml).template?;
            Some(BuiltIn { source, template })
        });
        let shelf = Shelf::open(ledger, Kind::Template)?;
        Ok(Self { shelf, built_in: Arc::new(built_in.collect()) })
    }

    /// Saves a document as the next version of the template that it names.
    ///
    /// # Errors
    /// [`SaveError`]; a built-in template cannot be saved.
    pub async fn save(&self, save: SaveWorkflow, caller: &Caller) -> Result<Saved, SaveError> {
        if let Some(name) = save.name.as_ref().filter(|name| self.built_in(name).is_some()) {
            return Err(SaveError::BuiltIn(name.clone()));
        }
        let of_program = self.clone();
        let check = move |source: &str, format| {
            let ReadTemplate { template, diagnostics } = read(source, format);
            Seen { name: template.map(|template| (template.name, template.hash)), diagnostics }
        };
        if let Some(name) = named(&save, &of_program).await? {
            return Err(SaveError::BuiltIn(name));
        }
        let again = |source: &str, format| read(source, format).diagnostics;
        self.shelf.save(save, check, again, caller).await
    }

    /// One version of a template, deleted or not; the latest when none is named. `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when its document cannot be read.
    pub async fn get(
        &self,
        name: &Name,
        version: Option<u64>,
    ) -> Result<Option<TemplateVersion>, StoreError> {
        if let Some(built_in) = self.built_in(name) {
            return Ok(version.is_none_or(|version| version == 0).then(|| built_in.version()));
        }
        let Some((state, head)) = self.shelf.head(name, version) else { return Ok(None) };
        let (shelf, name) = (self.shelf.clone(), name.clone());
        blocking(move || {
            let source = shelf.source(&name, &head)?;
            let template = read(&source, format_of(&head.format)).template;
            Ok(Some(TemplateVersion {
                version: head.version,
                hash: head.hash,
                source: source.into(),
                format: head.format,
                saved_at: Some(head.at),
                saved_by: head.by,
                message: head.message,
                owner: state.owner().map(str::to_owned),
                visibility: state.visibility(),
                deleted: state.is_deleted(),
                latest: state.latest().map_or(0, |latest| latest.version),
                template,
                name,
            }))
        })
        .await
    }

    /// Whether there is a template of that name, deleted or built in too.
    #[must_use]
    pub fn is_known(&self, name: &Name) -> bool {
        self.built_in(name).is_some() || self.shelf.state(name).is_some()
    }

    /// Which templates there are, deleted ones left out.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        let built_in = self.built_in.iter().map(|built_in| built_in.template.name.clone());
        self.shelf.names().into_iter().chain(built_in).collect()
    }

    /// A page of templates: those changed last first, the built-in ones at the end.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn list(
        &self,
        filter: WorkflowFilter,
        page: Page,
    ) -> Result<PageOf<TemplateSummary>, ListError> {
        let limit = usize::from(page.limit);
        let of_program = page.cursor.as_deref().and_then(|cursor| cursor.strip_prefix(CURSOR_BUILT_IN));
        if let Some(from) = of_program {
            let from = from.parse().map_err(|_| QueryError::CursorMalformed)?;
            return Ok(self.of_program(&filter, from, limit, Vec::new()));
        }
        let (rows, next) = self.shelf.rows(&filter, &page)?;
        let shelf = self.shelf.clone();
        let items = blocking(move || {
            let one = rows.iter().filter_map(|(name, state)| {
                let latest = state.latest()?;
                // A list is not refused because one document cannot be read: it is shown without its description.
                let source = shelf.source(name, latest).ok();
                let template = source.and_then(|source| read(&source, format_of(&latest.format)).template);
                let row = summary(name, state, template.map(|it| it.description).unwrap_or_default())?;
                Some(TemplateSummary {
                    name: row.name,
                    description: row.description,
                    version: row.version,
                    hash: row.hash,
                    saved_at: Some(row.saved_at),
                    saved_by: row.saved_by,
                    owner: row.owner,
                    visibility: row.visibility,
                    deleted: row.deleted,
                })
            });
            Ok(one.collect::<Vec<_>>())
        })
        .await?;
        match next {
            Some(next) => Ok(PageOf { items, next: Some(next) }),
            None => Ok(self.of_program(&filter, 0, limit, items)),
        }
    }

    /// The built-in templates from the place `from` on, after `items`, up to `limit` in all.
    fn of_program(
        &self,
        filter: &WorkflowFilter,
        from: usize,
        limit: usize,
        mut items: Vec<TemplateSummary>,
    ) -> PageOf<TemplateSummary> {
        let q = filter.q.as_deref().unwrap_or_default().to_lowercase();
        let is_for_all = !matches!(filter.visibility, VisibilityFilter::Mine(_));
        let fits = |built_in: &&BuiltIn| is_for_all && built_in.template.name.as_str().contains(&q);
        let fitting: Vec<&BuiltIn> = self.built_in.iter().filter(fits).collect();
        let room = limit.saturating_sub(items.len());
        items.extend(fitting.iter().skip(from).take(room).map(|built_in| built_in.summary()));
        let until = from.saturating_add(room);
        PageOf { items, next: (until < fitting.len()).then(|| format!("{CURSOR_BUILT_IN}{until}")) }
    }

    /// A page of the heads of all versions, the newest first; a built-in one has none. `None` when there is no such
    /// template.
    ///
    /// # Errors
    /// [`QueryError`] when the page cannot be made.
    pub fn versions_page(&self, name: &Name, page: &Page) -> Result<Option<PageOf<VersionHead>>, QueryError> {
        if self.built_in(name).is_some() {
            return Ok(Some(PageOf { items: Vec::new(), next: None }));
        }
        self.shelf.versions(name, page)
    }

    /// Offers a template no more; its versions stay.
    ///
    /// # Errors
    /// [`EditError`].
    pub async fn delete(
        &self,
        name: &Name,
        precondition: Precondition,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        self.edit(name, WorkflowCommand::Delete { precondition }, key, caller).await
    }

    /// Offers a deleted template again.
    ///
    /// # Errors
    /// [`EditError`].
    pub async fn restore(
        &self,
        name: &Name,
        precondition: Precondition,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        self.edit(name, WorkflowCommand::Restore { precondition }, key, caller).await
    }

    /// Says whom a template is for.
    ///
    /// # Errors
    /// [`EditError`].
    pub async fn change_visibility(
        &self,
        name: &Name,
        visibility: Visibility,
        precondition: Precondition,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        self.edit(name, WorkflowCommand::ChangeVisibility { visibility, precondition }, key, caller).await
    }

    async fn edit(
        &self,
        name: &Name,
        command: WorkflowCommand,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        if self.built_in(name).is_some() {
            return Err(EditError::BuiltIn(name.clone()));
        }
        self.shelf.edit(name, command, key, caller).await
    }

    fn built_in(&self, name: &Name) -> Option<&BuiltIn> {
        self.built_in.iter().find(|built_in| built_in.template.name == *name)
    }
}

impl BuiltIn {
    fn version(&self) -> TemplateVersion {
        TemplateVersion {
            name: self.template.name.clone(),
            version: 0,
            hash: self.template.hash,
            source: self.source.into(),
            format: "yaml".to_owned(),
            saved_at: None,
            saved_by: None,
            message: String::new(),
            owner: None,
            visibility: Visibility::Public,
            deleted: false,
            latest: 0,
            template: Some(self.template.clone()),
        }
    }

    fn summary(&self) -> TemplateSummary {
        TemplateSummary {
            name: self.template.name.clone(),
            description: self.template.description.clone(),
            version: 0,
            hash: self.template.hash,
            saved_at: None,
            saved_by: None,
            owner: None,
            visibility: Visibility::Public,
            deleted: false,
        }
    }
}

fn read(source: &str, format: Format) -> ReadTemplate {
    template::read(&Source { text: source, format })
}

/// The name that a document gives itself, when it is that of a built-in template.
async fn named(save: &SaveWorkflow, templates: &Templates) -> Result<Option<Name>, StoreError> {
    let (source, format, templates) = (save.source.clone(), save.format, templates.clone());
    blocking(move || {
        let name = read(&source, format).template.map(|template| template.name);
        Ok(name.filter(|name| templates.built_in(name).is_some()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ledger, local, name};
    use serde_json::{Map, json};

    const SMALL: &str = "ghostlight: 1\nname: small\ndescription: Calls\nparameters: { type: object, properties: { agent: { type: string } } }\nnodes: { a: { type: agent_call, agent: '${param.agent}' } }\n";

    fn save(source: &str) -> SaveWorkflow {
        SaveWorkflow {
            source: source.to_owned(),
            format: Format::Yaml,
            name: None,
            message: "why".to_owned(),
            precondition: Precondition::None,
            key: None,
        }
    }

    fn page(limit: u16, cursor: Option<String>) -> Page {
        Page { limit, cursor }
    }

    /// Shows S0-5.3d.
    #[test]
    fn every_shipped_template_makes_a_workflow_that_compiles() {
        let (ledger, _) = ledger();
        let templates = Templates::open(ledger).unwrap();
        assert_eq!(templates.built_in.len(), BUILT_IN.len());
        let given = json!({ "service": "shop", "what": "Release it", "agent": "noop" });
        for built_in in templates.built_in.iter() {
            let takes = |name: &&String| built_in.template.parameters.iter().any(|it| it.name == **name);
            let given: Map<_, _> = given.as_object().unwrap().clone();
            let given =
                given.iter().filter(|(name, _)| takes(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
            let made = built_in.template.instantiate(&name("made"), &given);
            let compiles = made.workflow.is_some() && made.diagnostics.is_empty();
            assert!(compiles, "{}: {:?}", built_in.template.name, made.diagnostics);
        }
    }

    #[tokio::test]
    async fn a_template_is_kept_in_versions_beside_the_built_in_ones_which_nobody_changes() {
        let (ledger, _) = ledger();
        let templates = Templates::open(ledger.clone()).unwrap();
        templates.save(save(SMALL), &local()).await.unwrap();
        assert!(templates.save(save(SMALL), &local()).await.unwrap().unchanged);
        templates.save(save(&SMALL.replace("Calls", "Calls it")), &local()).await.unwrap();
        let again = Templates::open(ledger).unwrap();
        let first = again.get(&name("small"), Some(1)).await.unwrap().unwrap();
        assert_eq!((&*first.source, first.latest, first.message.as_str()), (SMALL, 2, "why"));
        assert_eq!(again.versions_page(&name("small"), &page(9, None)).unwrap().unwrap().items.len(), 2);

        let taken = save(BUILT_IN[0]);
        assert!(matches!(again.save(taken, &local()).await, Err(SaveError::BuiltIn(_))));
        let gone = again.delete(&name("approval-chain"), Precondition::None, None, &local()).await;
        assert!(matches!(gone, Err(EditError::BuiltIn(_))));
        again.delete(&name("small"), Precondition::None, None, &local()).await.unwrap();
        assert!(!again.names().contains(&name("small")));
        again.restore(&name("small"), Precondition::None, None, &local()).await.unwrap();
        assert!(again.names().contains(&name("small")));
    }

    #[tokio::test]
    async fn pages_of_templates_go_on_into_the_built_in_ones() {
        let (ledger, _) = ledger();
        let templates = Templates::open(ledger).unwrap();
        templates.save(save(SMALL), &local()).await.unwrap();
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let found = templates.list(WorkflowFilter::default(), page(2, cursor)).await.unwrap();
            assert!(found.items.len() <= 2);
            names.extend(found.items.into_iter().map(|row| row.name.to_string()));
            cursor = found.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names, ["small", "approval-chain", "incident-response", "map-over-list"]);
        let mine = WorkflowFilter {
            visibility: VisibilityFilter::Mine(Some("local".into())),
            ..WorkflowFilter::default()
        };
        assert_eq!(templates.list(mine, page(9, None)).await.unwrap().items.len(), 1);
    }
}
