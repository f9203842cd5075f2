import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { certificateMismatch, downloadChain, readLeaf } from '../acme/certificate.ts';
import type { AcmeClient } from '../acme/client.ts';
import { isPrivateKeyOf } from '../acme/key-possession.ts';
import { parsePrivateKey } from '../acme/private-key.ts';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import type { InstallCertificateInput, InstalledCertificate } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import { applyTlsSecret, deleteStagingKey, readStagingKey, readTlsSecret } from '../kubernetes/objects/secrets.ts';
import { certificateFacts } from '../kubernetes/objects/tls-secret-data.ts';
import type { IssuanceDeps } from './dependencies.ts';
import { withProgress } from './progress.ts';

/** An end-entity certificate of 100 names has some 4 KB. */
const replacedSchema = z.object({
  serialNumber: z.string().max(64),
  notAfter: z.string().max(64),
  leaf: z.string().max(64 * 1024),
});

/** Puts the chain and the staged key into the Secret, then lets go of the staged key. */
export async function installCertificate(
  deps: IssuanceDeps,
  ca: AcmeClient,
  input: InstallCertificateInput,
): Promise<InstalledCertificate> {
  const signal = Context.current().cancellationSignal;
  const { request, orderUrl, secretName } = input;
  const [chainPem, keyPem] = await Promise.all([
    downloadChain(ca, input.certificateUrl, signal),
    readStagingKey(deps.kubernetes, { request, orderUrl }, signal),
  ]);
  const leaf = readLeaf(chainPem);
  const facts = certificateFacts(chainPem);
  if (facts === undefined) throw unusableCertificate(input, 'it cannot be read');
  return withProgress(replacedSchema, async (progress) => {
    let replaced = progress.previous;
    if (keyPem === undefined) {
      await assertInstalled(deps, input, facts, signal);
    } else {
      const mismatch = certificateMismatch(leaf, parsePrivateKey(keyPem), input.dnsNames);
      if (mismatch !== undefined) throw unusableCertificate(input, mismatch);
      if (input.returnReplaced === true) replaced ??= await certificateToReplace(deps, input, facts, signal);
      // Once the Secret is written, nothing else says what was in it.
      if (replaced !== undefined) progress.record(replaced);
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
    }
    return replaced === undefined ? facts : { ...facts, replaced };
  });
}

/**
 * What is about to be replaced, by itself: where its CA keeps it is not known. Only with its key beside it, for it is revoked at
 * the end: a certificate alone may be anybody's, and put there for just that.
 */
async function certificateToReplace(
  deps: IssuanceDeps,
  { request, secretName }: InstallCertificateInput,
  successor: CertificateFacts,
  signal: AbortSignal,
): Promise<z.infer<typeof replacedSchema> | undefined> {
  const secret = await readTlsSecret(deps.kubernetes, { namespace: request.namespace, name: secretName }, signal);
  if (secret.kind !== 'valid') return undefined;
  const { serialNumber, notAfter, fingerprint } = secret.certificate;
  if (fingerprint === successor.fingerprint || Date.parse(notAfter) <= Date.now()) return undefined;
  const leaf = readLeaf(secret.chainPem);
  if (!(await isPrivateKeyOf(secret.keyPem, leaf.publicKey))) return undefined;
  return { serialNumber, notAfter, leaf: leaf.raw.toString('base64') };
}

/** An attempt that was killed after its last step left exactly this: no staged key, and the certificate in its Secret. */
async function assertInstalled(
  deps: IssuanceDeps,
  input: InstallCertificateInput,
  facts: CertificateFacts,
  signal: AbortSignal,
): Promise<void> {
  const secret = await readTlsSecret(
    deps.kubernetes,
    { namespace: input.request.namespace, name: input.secretName },
    signal,
  );
  if (secret.kind === 'valid' && secret.certificate.fingerprint === facts.fingerprint) return;
  throw unusableCertificate(input, 'the staging Secret with its key is gone');
}

function unusableCertificate(input: InstallCertificateInput, why: string): CertmanError {
  return new CertmanError({
    code: 'acme/orderInvalid',
    message: `The certificate at ${input.certificateUrl} cannot be used: ${why}.`,
    remedy: 'A new order with a new key is placed at the next attempt.',
  });
}
