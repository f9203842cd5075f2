import { readLeaf } from '../acme/certificate.ts';
import { isPrivateKeyOf } from '../acme/private-key.ts';
import type { RevocationEntry, RevokeRequestedInput } from '../contract/activities/acme.ts';
import { notAskedFor } from '../kubernetes/objects/asked-for.ts';
import { clusterOwnersOf } from '../kubernetes/objects/certificate-request.ts';
import { isStandalone } from '../kubernetes/objects/primary-object.ts';
import { CERTIFICATE_REQUESTS } from '../kubernetes/objects/resources.ts';
import { REVOKE_ANNOTATION } from '../kubernetes/objects/revoke-annotation.ts';
import { readTlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { bundlesOf } from './issued-to.ts';
import { type RevocationContext, revoke, revokeIssued } from './revoke-certificates.ts';

/**
 * Revokes the certificate in use, where the annotation of its CertificateRequest names it: a person with rights on the
 * API server asks for that, and not only a client of Temporal.
 * @throws CertmanError `kubernetes/notAskedFor` without the annotation, for what the bundle does not ask for, and where the
 * Secret holds another certificate; any `acme/` or `kubernetes/` code.
 */
export async function revokeRequested(
  context: RevocationContext,
  input: RevokeRequestedInput,
): Promise<RevocationEntry> {
  const { checks, signal } = context;
  const { cluster, bundleName, requestName, secretName, serialNumber, certificate, reason } = input;
  await checks.requireBundle(input, input);
  const kubernetes = context.kubernetes.withSignal(signal);
  const request = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace: cluster.namespace, name: requestName });
  const isOwn =
    request !== undefined &&
    (isStandalone(cluster)
      ? request.metadata.uid === cluster.uid
      : clusterOwnersOf(request.metadata).some(({ uid }) => uid === cluster.uid));
  if (!isOwn || request.metadata.annotations?.[REVOKE_ANNOTATION] !== serialNumber)
    throw notAskedFor(
      cluster,
      `The annotation ${REVOKE_ANNOTATION} of CertificateRequest ${cluster.namespace}/${requestName} does not name certificate ${serialNumber}.`,
    );
  const secret = await readTlsSecret(kubernetes, { namespace: cluster.namespace, name: secretName });
  const where = `Secret ${cluster.namespace}/${secretName}`;
  if (secret.kind !== 'valid' || secret.certificate.serialNumber !== serialNumber)
    throw notAskedFor(cluster, `${where} does not hold certificate ${serialNumber} any more.`);
  if (certificate?.serialNumber === serialNumber) {
    const entry = await revokeIssued(context, certificate, {
      bundleName,
      reason,
      issuedTo: bundlesOf({ cluster, bundleName }, isStandalone(cluster) ? undefined : request),
    });
    if (entry.outcome !== 'unknownToAccount') return entry;
  }
  const leaf = readLeaf(secret.chainPem);
  if (await isPrivateKeyOf(secret.keyPem, leaf.publicKey)) return await revoke(context, leaf, input);
  const message = `${where} does not have the private key of certificate ${serialNumber}, which was not issued for it: it is left valid.`;
  return { serialNumber, outcome: 'notIssuedHere', message };
}
