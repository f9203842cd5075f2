import { z } from 'zod';
import { certificateMismatch, downloadChain, readLeaf } from '../acme/certificate.ts';
import { isPrivateKeyOf, parsePrivateKey } from '../acme/private-key.ts';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import type { InstallCertificateInput, InstalledCertificate } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import { certificateFacts } from '../kubernetes/objects/certificate-facts.ts';
import { deleteStagingKey, readStagingKey } from '../kubernetes/objects/staging-secret.ts';
import { applyTlsSecret, readTlsSecret, type TlsSecret } from '../kubernetes/objects/tls-secret.ts';
import type { IssuanceContext } from './context.ts';

/** The certificate that was in the Secret. One of 100 names has some 4 KB. */
const replacedSchema = z.object({
  serialNumber: z.string().max(64),
  notAfter: z.string().max(64),
  leaf: z.string().max(64 * 1024),
});

/**
 * Writes the chain and the staged key to the Secret, then deletes the staging Secret.
 * @throws CertmanError `acme/orderInvalid` for a mismatch or a missing staged key; any `acme/` or `kubernetes/` code.
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
    const installed = await readTarget(context, input);
    if (installed.kind !== 'valid' || installed.certificate.fingerprint !== facts.fingerprint) {
      throw unusableCertificate(input, 'the staging Secret with its key is gone');
    }
  } else {
    const mismatch = certificateMismatch(leaf, parsePrivateKey(keyPem), dnsNames);
    if (mismatch !== undefined) throw unusableCertificate(input, mismatch);
    if (input.returnReplaced === true) replaced ??= await certificateToReplace(context, input, facts);
    // The Secret is the only copy.
    if (replaced !== undefined) context.record(replaced);
    signal.throwIfAborted();
    // Not cancelled once sent: the Secret could be written after a cancelled issuance was cleaned up.
    await applyTlsSecret(kubernetes, { request, secretName, chainPem, keyPem });
    await deleteStagingKey(kubernetes.withSignal(signal), request);
  }
  return replaced === undefined ? facts : { ...facts, replaced };
}

/** Revoked at decommission. Only with its key: anyone can put another cluster's certificate here to have it revoked. */
async function certificateToReplace(
  context: IssuanceContext,
  input: InstallCertificateInput,
  successor: CertificateFacts,
): Promise<z.infer<typeof replacedSchema> | undefined> {
  const secret = await readTarget(context, input);
  if (secret.kind !== 'valid') return undefined;
  const { serialNumber, notAfter, fingerprint } = secret.certificate;
  if (fingerprint === successor.fingerprint || Date.parse(notAfter) <= Date.now()) return undefined;
  const leaf = readLeaf(secret.chainPem);
  if (!(await isPrivateKeyOf(secret.keyPem, leaf.publicKey))) return undefined;
  return { serialNumber, notAfter, leaf: leaf.raw.toString('base64') };
}

function readTarget({ kubernetes, signal }: IssuanceContext, input: InstallCertificateInput): Promise<TlsSecret> {
  return readTlsSecret(kubernetes.withSignal(signal), { namespace: input.request.namespace, name: input.secretName });
}

function unusableCertificate(input: InstallCertificateInput, why: string): CertmanError {
  return new CertmanError({
    code: 'acme/orderInvalid',
    message: `The certificate at ${input.certificateUrl} cannot be used: ${why}.`,
    remedy: 'The next attempt places a new order with a new key.',
  });
}
