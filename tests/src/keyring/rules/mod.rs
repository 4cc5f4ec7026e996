//! One test a rule, each as small as the rule: what the words say, through the proxy's public face.

mod choice;
mod classes;
mod correlated;
mod epochs;
mod half_open;
mod operator;
mod origins;
mod pool;
mod refusals;
mod reload;
mod soft;
mod waiting;
