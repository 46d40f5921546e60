//! An access token; the token itself is shown once.

use ghostlight_actors::tokens::TokenInfo;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// What is known of a token.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenBody {
    /// Its id; what is done with it is done by `token:<id>`.
    pub id: String,
    /// For people.
    pub label: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Option<String>,
    /// From when on it is not accepted; null: it does not expire.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Whether it is accepted now.
    pub accepted: bool,
}

impl TokenBody {
    /// What is known of a token at `now`.
    #[must_use]
    pub fn of(info: &TokenInfo, now: Timestamp) -> Self {
        Self {
            id: info.id.clone(),
            label: info.facts.label.clone(),
            created_at: info.facts.created_at,
            created_by: info.facts.created_by.clone(),
            expires_at: info.facts.expires_at,
            revoked_at: info.facts.revoked_at,
            accepted: info.facts.is_accepted(now),
        }
    }
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewToken)]
pub struct NewTokenBody {
    /// What stays.
    #[serde(flatten)]
    pub info: TokenBody,
    /// The token: shown now and never again.
    pub token: String,
}
