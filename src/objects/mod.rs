//! stub
use crate::address::Addr;
use crate::python::Python;
#[derive(Clone, Debug)]
pub struct Limits {
    pub depth: u32,
    pub items: usize,
    pub width: usize,
}
#[derive(Clone, Debug)]
pub enum Scalar {
    None,
    Bool(bool),
    Int(String),
    Float(f64),
    Text(String),
}
#[derive(Clone, Debug)]
pub struct Value {
    pub type_name: String,
    pub text: String,
    pub complete: bool,
    pub scalar: Option<Scalar>,
    pub attributes: Vec<(String, Value)>,
}
pub fn describe(_: &Python<'_>, _: Addr, _: &Limits) -> Value {
    Value { type_name: String::new(), text: String::new(), complete: true, scalar: None, attributes: vec![] }
}
