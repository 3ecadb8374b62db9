//! Forecasts, anomalies, budgets and advice of small books whose figures a person can follow.
