import { requestName } from '../clusters/request-name.ts';
import type { RevocationEntry, RevokeReplacedInput, StillServed } from '../contract/activities/acme.ts';
import { notAskedFor } from '../kubernetes/objects/asked-for.ts';
import { observeRequest } from '../kubernetes/objects/observed-request.ts';
import { isStandalone } from '../kubernetes/objects/primary-object.ts';
import { CERTIFICATE_REQUESTS } from '../kubernetes/objects/resources.ts';
import { readTlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { readBundlesOf } from './issued-to.ts';
import { type RevocationContext, revokeIssued } from './revoke-certificates.ts';

/** Reasons of `Served: False` by which clients see another certificate: with `ChainNotTrusted` they see this one. */
const OTHER_IS_SERVED: ReadonlySet<string> = new Set(['NotServedYet', 'NotServed']);

/**
 * Revokes a certificate that certman sealed for the bundle, under the present account, and that is not in use: the
 * Secret has another one that is valid, with its key.
 * @throws CertmanError `kubernetes/notAskedFor` for what the bundle does not ask for, and where the Secret holds this or
 * no valid certificate; any `acme/` or `kubernetes/` code.
 */
export async function revokeReplaced(
  context: RevocationContext,
  input: RevokeReplacedInput,
): Promise<RevocationEntry | StillServed> {
  const { kubernetes, signal, checks } = context;
  const { cluster, bundleName, secretName, certificate, reason } = input;
  await checks.requireBundle(input, input);
  const secret = await readTlsSecret(kubernetes.withSignal(signal), { namespace: cluster.namespace, name: secretName });
  const where = `Secret ${cluster.namespace}/${secretName}`;
  if (secret.kind !== 'valid' || Date.parse(secret.certificate.notAfter) <= Date.now())
    throw notAskedFor(cluster, `${where} has no valid certificate that has replaced another.`);
  const { serialNumber } = secret.certificate;
  if (serialNumber === certificate.serialNumber)
    throw notAskedFor(cluster, `${where} holds certificate ${certificate.serialNumber}, which is in use.`);
  const served = input.unlessStillServed === true ? await stillServed(context, input, serialNumber) : undefined;
  if (served !== undefined) return served;
  const issuedTo = await readBundlesOf(kubernetes.withSignal(signal), { cluster, bundleName });
  return await revokeIssued(context, certificate, { bundleName, reason, issuedTo });
}

/** By the condition `Served`. Undefined also where that is unknown: of what is not probed, only the time tells. */
async function stillServed(
  { kubernetes, signal }: RevocationContext,
  { cluster, bundleName }: RevokeReplacedInput,
  serialNumber: string,
): Promise<StillServed | undefined> {
  const { namespace } = cluster;
  const name = isStandalone(cluster) ? cluster.name : requestName(cluster.name, bundleName);
  const found = await kubernetes.withSignal(signal).get(CERTIFICATE_REQUESTS, { namespace, name });
  const request = found && observeRequest(found);
  if (request?.serialNumber !== serialNumber || request.served?.status !== 'False') return undefined;
  const { reason } = request.served;
  if (!OTHER_IS_SERVED.has(reason)) return undefined;
  return {
    outcome: 'stillServed',
    message: `The cluster serves another certificate than ${serialNumber}, which is in its Secret (condition Served: ${reason}).`,
  };
}
