//! A month for a person.
