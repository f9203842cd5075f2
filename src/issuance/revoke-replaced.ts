import type { RevocationEntry, RevokeReplacedInput } from '../contract/activities.ts';
import { notAskedFor } from '../kubernetes/objects/asked-for.ts';
import { readTlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { type RevocationContext, revokeIssued } from './revoke-certificates.ts';

/**
 * Revokes a certificate that certman sealed for the bundle, under the present account, and that is not in use: the
 * Secret has another one that is valid, with its key.
 * @throws CertmanError `kubernetes/notAskedFor` for what the bundle does not ask for, and where the Secret holds this or
 * no valid certificate; any `acme/` or `kubernetes/` code.
 */
export async function revokeReplaced(context: RevocationContext, input: RevokeReplacedInput): Promise<RevocationEntry> {
  const { kubernetes, signal, checks } = context;
  const { cluster, bundleName, secretName, certificate, reason } = input;
  await checks.requireBundle(input, input);
  const secret = await readTlsSecret(kubernetes.withSignal(signal), { namespace: cluster.namespace, name: secretName });
  const where = `Secret ${cluster.namespace}/${secretName}`;
  if (secret.kind !== 'valid' || Date.parse(secret.certificate.notAfter) <= Date.now())
    throw notAskedFor(cluster, `${where} has no valid certificate that has replaced another.`);
  if (secret.certificate.serialNumber === certificate.serialNumber)
    throw notAskedFor(cluster, `${where} holds certificate ${certificate.serialNumber}, which is in use.`);
  return await revokeIssued(context, certificate, { bundleName, reason, issuedTo: [{ cluster, bundleName }] });
}
