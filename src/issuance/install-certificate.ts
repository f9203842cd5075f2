import { z } from 'zod';
import { certificateMismatch, downloadChain, readLeaf } from '../acme/certificate.ts';
import { isPrivateKeyOf, parsePrivateKey } from '../acme/private-key.ts';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import type { InstallCertificateInput, InstalledCertificate } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import { retryOnConflict } from '../kubernetes/api/retry-on-conflict.ts';
import { certificateFacts } from '../kubernetes/objects/certificate-facts.ts';
import { deleteStagingKey, readStagingKey } from '../kubernetes/objects/staging-secret.ts';
import { claimTargetSecret } from '../kubernetes/objects/target-secret.ts';
import { readTlsSecret, type TlsSecret, writeTlsSecret } from '../kubernetes/objects/tls-secret.ts';
import type { IssuanceContext } from './context.ts';

/** The certificate that was in the Secret. One of 100 names has some 4 KB. */
const replacedSchema = z.object({
  serialNumber: z.string().max(64),
  notAfter: z.string().max(64),
  leaf: z.string().max(64 * 1024),
});

type Replaced = z.infer<typeof replacedSchema>;

const MAX_ATTEMPTS = 3;

/**
 * Writes the chain and the staged key to the request's own Secret, then deletes the staging Secret.
 * @throws CertmanError `acme/orderInvalid` for a mismatch or a missing staged key; `kubernetes/ownedByOther` for a Secret
 * of others; any `acme/` or `kubernetes/` code.
 */
export async function installCertificate(
  context: IssuanceContext,
  input: InstallCertificateInput,
): Promise<InstalledCertificate> {
  const { ca, kubernetes, signal } = context;
  const { request, orderUrl, secretName, dnsNames } = input;
  const [chainPem, keyPem] = await Promise.all([
    downloadChain(ca, input.certificateUrl),
    readStagingKey(kubernetes.withSignal(signal), { request, orderUrl }),
  ]);
  const leaf = readLeaf(chainPem);
  const facts = certificateFacts(leaf);
  let replaced = replacedSchema.safeParse(context.recorded).data;
  if (keyPem === undefined) {
    // An attempt that was killed after its last step leaves no staged key, and this certificate in the Secret.
    const { namespace } = request;
    const installed = await readTlsSecret(kubernetes.withSignal(signal), { namespace, name: secretName });
    if (installed.kind !== 'valid' || installed.certificate.fingerprint !== facts.fingerprint) {
      throw unusableCertificate(input, 'the staging Secret with its key is gone');
    }
    return withReplaced(facts, replaced);
  }
  const mismatch = certificateMismatch(leaf, parsePrivateKey(keyPem), dnsNames);
  if (mismatch !== undefined) throw unusableCertificate(input, mismatch);
  await retryOnConflict(MAX_ATTEMPTS, async () => {
    const target = await claimTargetSecret(kubernetes.withSignal(signal), input);
    if (input.returnReplaced === true) replaced ??= await certificateToReplace(target, facts);
    // The Secret is the only copy.
    if (replaced !== undefined) context.record(replaced);
    signal.throwIfAborted();
    // Not cancelled once sent: the Secret could be written after a cancelled issuance was cleaned up.
    await writeTlsSecret(kubernetes, { request, secretName, chainPem, keyPem }, target);
  });
  await deleteStagingKey(kubernetes.withSignal(signal), request);
  return withReplaced(facts, replaced);
}

function withReplaced(facts: CertificateFacts, replaced: Replaced | undefined): InstalledCertificate {
  return replaced === undefined ? facts : { ...facts, replaced };
}

/** Revoked at decommission. Only with its key: anyone can put another cluster's certificate here to have it revoked. */
async function certificateToReplace(target: TlsSecret, successor: CertificateFacts): Promise<Replaced | undefined> {
  if (target.kind !== 'valid') return undefined;
  const { serialNumber, notAfter, fingerprint } = target.certificate;
  if (fingerprint === successor.fingerprint || Date.parse(notAfter) <= Date.now()) return undefined;
  const leaf = readLeaf(target.chainPem);
  if (!(await isPrivateKeyOf(target.keyPem, leaf.publicKey))) return undefined;
  return { serialNumber, notAfter, leaf: leaf.raw.toString('base64') };
}

function unusableCertificate(input: InstallCertificateInput, why: string): CertmanError {
  return new CertmanError({
    code: 'acme/orderInvalid',
    message: `The certificate at ${input.certificateUrl} cannot be used: ${why}.`,
    remedy: 'The next attempt places a new order with a new key.',
  });
}
