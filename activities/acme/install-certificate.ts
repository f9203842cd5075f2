import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { downloadChain, mismatchOf, readLeaf } from '../../src/acme/certificate.ts';
import type { AcmeCa } from '../../src/acme/client.ts';
import { readPrivateKey } from '../../src/acme/key.ts';
import { isPrivateHalf } from '../../src/acme/possession.ts';
import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import { certificateFacts } from '../../src/kubernetes/certificate-secret.ts';
import { applyTlsSecret, deleteStagingKey, readStagingKey, readTlsSecret } from '../../src/kubernetes/secrets.ts';
import type { InstallCertificateInput, InstalledCertificate } from '../contract.ts';
import { withProgress } from '../progress.ts';
import type { AcmeActivityDeps } from './deps.ts';

/** An end-entity certificate of 100 names has some 4 KB. */
const replacedSchema = z.object({
  serialNumber: z.string().max(64),
  notAfter: z.string().max(64),
  leaf: z.string().max(64 * 1024),
});

/** Puts the chain and the staged key into the Secret, then lets go of the staged key. */
export async function installCertificate(
  deps: AcmeActivityDeps,
  ca: AcmeCa,
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
  if (facts === undefined) throw unusable(input, 'it cannot be read');
  return withProgress(replacedSchema, async (progress) => {
    let replaced = progress.earlier;
    if (keyPem === undefined) {
      await expectInstalled(deps, input, facts, signal);
    } else {
      const mismatch = mismatchOf(leaf, readPrivateKey(keyPem), input.dnsNames);
      if (mismatch !== undefined) throw unusable(input, mismatch);
      if (input.keepReplaced === true) replaced ??= await certificateInPlace(deps, input, facts, signal);
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
async function certificateInPlace(
  deps: AcmeActivityDeps,
  { request, secretName }: InstallCertificateInput,
  successor: CertificateFacts,
  signal: AbortSignal,
): Promise<z.infer<typeof replacedSchema> | undefined> {
  const secret = await readTlsSecret(deps.kubernetes, { namespace: request.namespace, name: secretName }, signal);
  if (secret.kind !== 'valid') return undefined;
  const { serialNumber, notAfter, fingerprint } = secret.certificate;
  if (fingerprint === successor.fingerprint || Date.parse(notAfter) <= Date.now()) return undefined;
  const leaf = readLeaf(secret.chainPem);
  if (!(await isPrivateHalf(secret.keyPem, leaf.publicKey))) return undefined;
  return { serialNumber, notAfter, leaf: leaf.raw.toString('base64') };
}

/** An attempt that was killed after its last step left exactly this: no staged key, and the certificate in its Secret. */
async function expectInstalled(
  deps: AcmeActivityDeps,
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
  throw unusable(input, 'the staging Secret with its key is gone');
}

function unusable(input: InstallCertificateInput, why: string): CertmanError {
  return new CertmanError({
    code: 'acme/orderInvalid',
    message: `The certificate at ${input.certificateUrl} cannot be used: ${why}.`,
    next: 'A new order with a new key is placed at the next attempt.',
  });
}
