import { Context } from '@temporalio/activity';
import { downloadChain, mismatchOf, readLeaf } from '../../src/acme/certificate.ts';
import type { AcmeCa } from '../../src/acme/client.ts';
import { readPrivateKey } from '../../src/acme/key.ts';
import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import { certificateFacts } from '../../src/kubernetes/certificate-secret.ts';
import { applyTlsSecret, deleteStagingKey, readStagingKey, readTlsSecret } from '../../src/kubernetes/secrets.ts';
import type { InstallCertificateInput } from '../contract.ts';
import type { AcmeActivityDeps } from './deps.ts';

/** Puts the chain and the staged key into the Secret, then lets go of the staged key. */
export async function installCertificate(
  deps: AcmeActivityDeps,
  ca: AcmeCa,
  input: InstallCertificateInput,
): Promise<CertificateFacts> {
  const signal = Context.current().cancellationSignal;
  const { request, orderUrl, secretName } = input;
  const [chainPem, keyPem] = await Promise.all([
    downloadChain(ca, input.certificateUrl, signal),
    readStagingKey(deps.kubernetes, { request, orderUrl }, signal),
  ]);
  const leaf = readLeaf(chainPem);
  const facts = certificateFacts(chainPem);
  if (facts === undefined) throw unusable(input, 'it cannot be read');
  if (keyPem === undefined) return installedBefore(deps, input, facts, signal);

  const mismatch = mismatchOf(leaf, readPrivateKey(keyPem), input.dnsNames);
  if (mismatch !== undefined) throw unusable(input, mismatch);
  signal.throwIfAborted();
  // Carried to its end: a Secret that is written after it was cleared away would stay.
  await applyTlsSecret(deps.kubernetes, {
    namespace: request.namespace,
    name: secretName,
    requestName: request.name,
    requestUid: request.uid,
    chainPem,
    keyPem,
  });
  await deleteStagingKey(deps.kubernetes, request, signal);
  return facts;
}

/** An attempt that was killed after its last step left exactly this: no staged key, and the certificate in its Secret. */
async function installedBefore(
  deps: AcmeActivityDeps,
  input: InstallCertificateInput,
  facts: CertificateFacts,
  signal: AbortSignal,
): Promise<CertificateFacts> {
  const secret = await readTlsSecret(
    deps.kubernetes,
    { namespace: input.request.namespace, name: input.secretName },
    signal,
  );
  if (secret.kind === 'valid' && secret.certificate.fingerprint === facts.fingerprint) return facts;
  throw unusable(input, 'the staging Secret with its key is gone');
}

function unusable(input: InstallCertificateInput, why: string): CertmanError {
  return new CertmanError({
    code: 'acme/orderInvalid',
    message: `The certificate at ${input.certificateUrl} cannot be used: ${why}.`,
    next: 'A new order with a new key is placed at the next attempt.',
  });
}
