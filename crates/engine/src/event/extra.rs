//! `additionalEventData`: what KMS tells beside request and response. Sometimes JSON inside a string.

use super::Attestation;
use super::fields::{Read, fields, first_string, owned, string};
use super::members::Additional;
use crate::json::{Kind, Text, Value};

/// Members of `additionalEventData` that anything here uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extra<'a> {
    pub(super) key_material: Option<Text<'a>>,
    pub(super) grant_id: Option<Text<'a>>,
    pub(super) key_store_id: Option<Text<'a>>,
    pub(super) key_store_name: Option<Text<'a>>,
    pub(super) cluster: Option<Text<'a>>,
    pub(super) attestation: Option<Attestation<'a>>,
}

impl<'a> Extra<'a> {
    /// Reads `additionalEventData`, or takes its members where they are known.
    pub(super) fn read(value: Value<'a>, known: Option<Additional<'a>>) -> Read<Extra<'a>> {
        match value.kind() {
            Kind::Object => match known {
                // Of two of one meaning the last one counts: the walk knows the order.
                Some(known)
                    if known.key_material == Value::NULL || known.source_key_material == Value::NULL =>
                {
                    Extra::of_members(known)
                }
                _ => Extra::of_object(value),
            },
            Kind::String => {
                let text = value.embedded();
                // Text that holds no JSON says nothing, and is no fault of the record.
                Ok(Extra::of_object(Value::new(&text)).map(Extra::into_owned).unwrap_or_default())
            }
            _ => Ok(Extra::default()),
        }
    }

    fn of_members(known: Additional<'a>) -> Read<Extra<'a>> {
        Ok(Extra {
            key_material: first_string([known.key_material, known.source_key_material])?,
            grant_id: string(known.grant_id)?,
            key_store_id: string(known.key_store_id)?,
            key_store_name: string(known.key_store_name)?,
            cluster: string(known.cluster)?,
            attestation: Attestation::read(known.recipient)?,
        })
    }

    fn of_object(object: Value<'_>) -> Read<Extra<'_>> {
        let mut extra = Extra::default();
        for member in object.members() {
            let (name, value) = member?;
            match name.as_ref() {
                "keyMaterialId" | "sourceKeyMaterialId" => extra.key_material = string(value)?,
                "grantId" => extra.grant_id = string(value)?,
                "customKeyStoreId" => extra.key_store_id = string(value)?,
                "customKeyStoreName" => extra.key_store_name = string(value)?,
                "clusterId" => extra.cluster = string(value)?,
                "recipient" => extra.attestation = Attestation::read(value)?,
                _ => {}
            }
        }
        Ok(extra)
    }

    fn into_owned(self) -> Extra<'static> {
        Extra {
            key_material: owned(self.key_material),
            grant_id: owned(self.grant_id),
            key_store_id: owned(self.key_store_id),
            key_store_name: owned(self.key_store_name),
            cluster: owned(self.cluster),
            attestation: self.attestation.map(|attestation| Attestation {
                module: Text::Owned(attestation.module.into_owned()),
                image: owned(attestation.image),
            }),
        }
    }
}

impl<'a> Attestation<'a> {
    fn read(recipient: Value<'a>) -> Read<Option<Attestation<'a>>> {
        if recipient.kind() != Kind::Object {
            return Ok(None);
        }
        let [module, digest] =
            fields(recipient, ["attestationDocumentModuleId", "attestationDocumentEnclaveImageDigest"])?;
        let mut first_pcr = Value::NULL;
        for member in recipient.members() {
            let (name, value) = member?;
            let measured = name.strip_prefix("attestationDocument");
            if measured.is_some_and(|part| part.starts_with("EnclavePCR") || part.starts_with("NitroTPMPCR"))
            {
                first_pcr = value;
                break;
            }
        }
        let image = first_string([digest, first_pcr])?;
        Ok(match string(module)? {
            Some(module) => Some(Attestation { module, image }),
            None => image.map(|image| Attestation { module: Text::Borrowed(""), image: Some(image) }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_read_from_an_object_and_from_json_inside_a_string() {
        let object = r#"{"keyMaterialId":"aa","grantId":"g","recipient":{"attestationDocumentModuleId":"i-1-enc2","attestationDocumentEnclaveImageDigest":"d"}}"#;
        let text = serde_json::to_string(object).unwrap();
        let read = Extra::read(Value::new(object), None).unwrap();
        assert_eq!(read, Extra::read(Value::new(&text), None).unwrap());
        assert_eq!(read.key_material.as_deref(), Some("aa"));
        assert_eq!(read.attestation.unwrap().image.as_deref(), Some("d"));
    }

    #[test]
    fn a_tpm_attestation_gives_its_first_register() {
        let json = r#"{"recipient":{"attestationDocumentModuleId":"i-1-tpm2","attestationDocumentNitroTPMPCR4":"p4","attestationDocumentNitroTPMPCR7":"p7"}}"#;
        let attestation = Extra::read(Value::new(json), None).unwrap().attestation.unwrap();
        assert_eq!((attestation.module.as_ref(), attestation.image.as_deref()), ("i-1-tpm2", Some("p4")));
    }

    #[test]
    fn text_that_is_no_json_and_omitted_data_say_nothing() {
        for json in [r#""some text""#, r#""{broken""#, r#"{"omitted":true}"#, "null", "[]", "7"] {
            assert_eq!(Extra::read(Value::new(json), None).unwrap(), Extra::default(), "{json}");
        }
    }
}
