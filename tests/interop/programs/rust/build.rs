// SPDX-License-Identifier: Apache-2.0
//! Generates the client from the contract; needs `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::var("CASCADE_PROTO")?; // the repository's folder proto
    let contract = format!("{root}/cascade/v1/text_generation.proto");
    println!("cargo::rerun-if-env-changed=CASCADE_PROTO");
    println!("cargo::rerun-if-changed={contract}");
    tonic_prost_build::configure().build_server(false).compile_protos(&[contract], &[root])?;
    Ok(())
}
