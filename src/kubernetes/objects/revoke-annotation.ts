/** Annotation on a CertificateRequest: serial number (decimal) of the certificate in use that may be revoked. */
export const REVOKE_ANNOTATION = 'certman.managed.openshift.io/revoke';
