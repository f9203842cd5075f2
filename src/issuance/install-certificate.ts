import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { downloadChain, readLeaf } from '../acme/certificate.ts';
import { certificateLateError, isCertificateMissing } from '../acme/late-certificate.ts';
import { isPrivateKeyOf, parsePrivateKey } from '../acme/private-key.ts';
import type { Sealed } from '../acme/seals.ts';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import type { InstallCertificateInput, InstalledCertificate } from '../contract/activities/acme.ts';
import { CertmanError, isFailure } from '../failures/failure.ts';
import { retryOnConflict } from '../kubernetes/api/retry-on-conflict.ts';
import { certificateFacts } from '../kubernetes/objects/certificate-facts.ts';
import { deleteStagingKey, readStagingKey } from '../kubernetes/objects/staging-secret.ts';
import { claimTargetSecret } from '../kubernetes/objects/target-secret.ts';
import { readTlsSecret, type TlsSecret, writeTlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { chooseChain, isGivenUp } from './choose-chain.ts';
import type { IssuanceContext } from './context.ts';
import { firstWindowOf } from './first-window.ts';
import { requireOrder } from './require-order.ts';

/** The certificate that was in the Secret. One of 100 names has some 4 KB. */
const replacedSchema = z.object({
  serialNumber: z.string().max(64),
  notAfter: z.string().max(64),
  leaf: z.string().max(64 * 1024),
  seal: z.string().max(64),
});

type Replaced = z.infer<typeof replacedSchema>;

const MAX_ATTEMPTS = 3;

/**
 * Writes a chain that clients trust and the staged key to the request's own Secret, then deletes the staging Secret.
 * @throws CertmanError `kubernetes/notAskedFor` for what the bundle does not ask for; `certificate/chainNotTrusted` where the
 * CA has no chain that clients trust; `certificate/waitsForCanary` and `certificate/issuerRefused` where its issuer is new to
 * the fleet; `acme/orderInvalid` for a mismatch or a missing staged key; `kubernetes/ownedByOther`
 * for a Secret of others; any `acme/` or `kubernetes/` code.
 */
export async function installCertificate(
  context: IssuanceContext,
  input: InstallCertificateInput,
): Promise<InstalledCertificate> {
  const { ca, kubernetes, signal, checks } = context;
  const { request, secretName, dnsNames, certificateUrl } = input;
  const orderUrl = requireOrder(ca, input);
  if (!(await ca.ownsUrl(certificateUrl))) throw unusableCertificate(input, `it is not at the CA ${ca.host}`);
  await checks.requireBundle(input, input);
  const staged = context.staged?.get(orderUrl);
  const [downloaded, keyPem] = await Promise.all([
    downloadChain(ca, certificateUrl).catch((error: unknown) => {
      if (!isCertificateMissing(error)) throw error;
      throw certificateLateError(ca, orderUrl, context.attempt, `does not have its certificate yet: ${error.message}`);
    }),
    staged?.keyPem ?? readStagingKey(kubernetes.withSignal(signal), { request, orderUrl }),
  ]);
  const leaf = readLeaf(downloaded.chainPem);
  const facts = certificateFacts(leaf);
  let replaced = recordedReplacement(context, input);
  if (keyPem === undefined) {
    // An attempt that was killed after its last step leaves no staged key, and this certificate in the Secret.
    const { namespace } = request;
    const installed = await readTlsSecret(kubernetes.withSignal(signal), { namespace, name: secretName });
    if (installed.kind !== 'valid' || installed.certificate.fingerprint !== facts.fingerprint) {
      throw unusableCertificate(input, 'the staging Secret with its key is gone');
    }
    return await installedCertificate(context, input, facts, replaced);
  }
  const offered = { url: certificateUrl, downloaded, leaf };
  const trustedByHive = await context.hiveTrust?.of(kubernetes.withSignal(signal), input);
  const wanted = { key: staged?.key ?? parsePrivateKey(keyPem), keyPem, dnsNames, trustedByHive };
  const { chainPem, unusable } = await chooseChain(ca, context.chainGate, offered, wanted);
  if (chainPem === undefined) throw unusableCertificate(input, unusable);
  if (chainPem !== downloaded.chainPem) {
    context.log.info('Clients would refuse the default chain; an alternate one is installed', { certificateUrl });
  }
  let found: TlsSecret | undefined = input.secretMissing === true ? { kind: 'missing' } : undefined;
  await retryOnConflict(MAX_ATTEMPTS, async () => {
    const target = found ?? (await claimTargetSecret(kubernetes.withSignal(signal), input));
    // One that exists by now is refused as a conflict, and read then.
    found = undefined;
    const onInstalled = await admitIssuer(context, input, target, chainPem, leaf);
    if (input.returnReplaced === true) replaced ??= await certificateToReplace(context, input, target, facts);
    // The Secret is the only copy.
    if (replaced !== undefined) context.record(replaced);
    signal.throwIfAborted();
    // Not cancelled once sent: the Secret could be written after a cancelled issuance was cleaned up.
    await writeTlsSecret(kubernetes, { request, secretName, chainPem, keyPem }, target);
    await onInstalled();
  });
  await deleteStagingKey(kubernetes.withSignal(signal), request, staged?.uid);
  return await installedCertificate(context, input, facts, replaced);
}

/** Of a refused issuer, the next order may be from another one. @throws as {@link installCertificate}. */
async function admitIssuer(
  { canary, kubernetes, signal }: IssuanceContext,
  input: InstallCertificateInput,
  target: TlsSecret,
  chainPem: string,
  leaf: X509Certificate,
): Promise<() => Promise<void>> {
  const { cluster, request, skipCanary } = input;
  try {
    const admitted = canary?.admit(kubernetes.withSignal(signal), { cluster, request, skipCanary, target, chainPem });
    return (await admitted) ?? (() => Promise.resolve());
  } catch (error) {
    if (!isFailure(error, 'certificate/issuerRefused') || !isGivenUp(leaf)) throw error;
    throw unusableCertificate(input, `its issuer was refused: ${error.message}`);
  }
}

/** Sealed: the workflow keeps both for the decommission, which revokes only what is sealed for the bundle. */
async function installedCertificate(
  { ca, signal, log }: IssuanceContext,
  input: InstallCertificateInput,
  facts: CertificateFacts,
  replaced: Replaced | undefined,
): Promise<InstalledCertificate> {
  const seal = ca.session.seals.seal(input.cluster, sealedAs(input, facts.serialNumber, input.certificateUrl));
  const suggestedWindow = input.returnWindow === true ? await firstWindowOf(ca, facts, { signal, log }) : undefined;
  return { ...facts, seal, ...(replaced && { replaced }), ...(suggestedWindow && { suggestedWindow }) };
}

/** Revoked at decommission. Only with its key: anyone can put another cluster's certificate here to have it revoked. */
async function certificateToReplace(
  { ca }: IssuanceContext,
  input: InstallCertificateInput,
  target: TlsSecret,
  successor: CertificateFacts,
): Promise<Replaced | undefined> {
  if (target.kind !== 'valid') return undefined;
  const { serialNumber, notAfter, fingerprint } = target.certificate;
  if (fingerprint === successor.fingerprint || Date.parse(notAfter) <= Date.now()) return undefined;
  const certificate = readLeaf(target.chainPem);
  if (!(await isPrivateKeyOf(target.keyPem, certificate.publicKey))) return undefined;
  const leaf = certificate.raw.toString('base64');
  return {
    serialNumber,
    notAfter,
    leaf,
    seal: ca.session.seals.seal(input.cluster, sealedAs(input, serialNumber, leaf)),
  };
}

/** What an earlier attempt recorded went through Temporal. */
function recordedReplacement({ ca, recorded }: IssuanceContext, input: InstallCertificateInput): Replaced | undefined {
  const { data } = replacedSchema.safeParse(recorded);
  if (data === undefined) return undefined;
  const { serialNumber, leaf, seal } = data;
  return ca.session.seals.verify(input.cluster, sealedAs(input, serialNumber, leaf), seal) ? data : undefined;
}

function sealedAs({ bundleName }: InstallCertificateInput, serialNumber: string, source: string): Sealed {
  return { of: 'certificate', bundleName, serialNumber, source };
}

function unusableCertificate(input: InstallCertificateInput, why: string): CertmanError {
  return new CertmanError({
    code: 'acme/orderInvalid',
    message: `The certificate at ${input.certificateUrl} cannot be used: ${why}.`,
    remedy: 'The next attempt places a new order with a new key.',
  });
}
