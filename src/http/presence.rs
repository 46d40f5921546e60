//! `/presence`: who looks at what; and what clients of feeds say about it.

use actix_web::{HttpRequest, get};
use ghostlight_model::presence::{self, Doing, PresenceError, View};
use serde::Deserialize;
use utoipa::IntoParams;

use super::paging::one_of;
use super::problem::{Code, Problem, ProblemBody};
use super::resources::presence::PresenceBody;
use super::seats::Here;
use super::strict;
use super::surface::{Answer, App, ok};

/// Which view.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PresenceQuery {
    /// The view: a page such as `inbox`, `runs` or `runs/<id>`, `workflows/<name>`, or a part of it such as
    /// `workflows/<name>/edit`.
    #[param(
        max_length = 200,
        pattern = "^((home|inbox|compare|plans|incidents|uptime|analytics|queues|tree|system|events|webhooks|audit|settings|import)(/[a-z0-9._-]{1,90}(/[a-z0-9._-]{1,90})?)?|(workflows|templates|agents|playbooks|packages)(/[a-z][a-z0-9-]{0,62}(/[a-z0-9._-]{1,90})?)?|(runs|approvals)(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(/[a-z0-9._-]{1,90})?)?)$"
    )]
    view: String,
}

/// Who looks at a view just now: those who say so over the WebSocket of a feed.
#[utoipa::path(tag = "feeds", params(PresenceQuery), responses(
    (status = 200, body = PresenceBody), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/presence")]
pub async fn show(app: App, request: HttpRequest) -> Answer {
    let query: PresenceQuery = strict::query(request.query_string())?;
    let view = View::new(&query.view).map_err(|refused| Problem::new(Code::BadQuery, refused.to_string()))?;
    ok(&app.seats.on(&view))
}

/// What a client says about itself; nothing at all: that it looks at nothing any more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    #[serde(default)]
    view: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

impl Said {
    /// Where he is; none when he leaves.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for what cannot be shown to others.
    pub fn read(&self) -> Result<Option<Here>, Problem> {
        let Some(view) = &self.view else {
            return match (&self.name, &self.state) {
                (None, None) => Ok(None),
                _ => Err(PresenceError::View.into()),
            };
        };
        let named = |word: &str| Doing::ALL.into_iter().find(|doing| doing.as_str() == word);
        let doing = one_of("state", self.state.as_deref(), named, "viewing, editing")
            .map_err(|refused| Problem::new(Code::InvalidValue, refused.detail()))?;
        Ok(Some(Here {
            view: View::new(view)?,
            name: self.name.as_deref().map(presence::name).transpose()?,
            doing: doing.unwrap_or_default(),
        }))
    }
}

impl From<PresenceError> for Problem {
    fn from(error: PresenceError) -> Self {
        Self::new(Code::InvalidValue, error.to_string())
    }
}
