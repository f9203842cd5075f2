import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import { oneLine } from '../failures/printable.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { readHiveTrust } from '../kubernetes/objects/admin-kubeconfig.ts';
import { readTlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { decodeCertificates } from '../x509/certificate.ts';
import { TrustStore } from '../x509/trust-store.ts';
import { trustedPathOf } from '../x509/verify-chain.ts';
import { certificatesIn } from './trust-roots.ts';

/** The certificates by which Hive verifies the API server of a cluster. */
export interface TrustedByHive {
  readonly store: TrustStore;
  /** Where they are: `<namespace>/<name>` of a Secret. */
  readonly secret: string;
}

/** What a certificate is installed for. */
export interface InstalledBundle extends BundleRef {
  /** Secret of the certificate. */
  readonly secretName: string;
}

/** Finds out by which certificates Hive verifies what a bundle's certificate is served by. */
export class HiveTrust {
  readonly #onWarning: (message: string) => void;

  /** @param onWarning receives which certificate could not be checked, and why. */
  constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  /**
   * Read for each installation, since it is corrected where Hive does not trust a certificate. Where Hive cannot connect anyway,
   * nothing is held up: without a usable kubeconfig, and where it does not trust the certificate in use either.
   * @returns undefined where Hive does not connect to what serves the certificate, or trusts any root.
   * @throws CertmanError `kubernetes/…` for a request that fails.
   */
  async of(kubernetes: KubernetesApi, bundle: InstalledBundle): Promise<TrustedByHive | undefined> {
    const { cluster, bundleName } = bundle;
    const found = await readHiveTrust(kubernetes, cluster, bundleName);
    if (found.kind === 'notConcerned' || found.kind === 'anyRoot') return undefined;
    const { namespace, name } = cluster;
    const unchecked = (why: string): undefined => {
      this.#onWarning(
        `Whether Hive trusts the certificate of ${namespace}/${name} could not be checked: ${oneLine(why, 400)}.`,
      );
      return undefined;
    };
    if (found.kind === 'unknown') return unchecked(found.why);
    const store = new TrustStore(certificatesIn(found.pem));
    if (store.size === 0) return unchecked(`in its Secret ${found.secretName}, the kubeconfig has no CA certificate`);
    if (await isRefusedAlready(kubernetes, bundle, store))
      return unchecked('Hive does not trust the one in use either, so that it is replaced all the same');
    return { store, secret: `${namespace}/${found.secretName}` };
  }
}

/** A certificate that Hive does not accept, expired or of another root, keeps no other one from its place. */
async function isRefusedAlready(
  kubernetes: KubernetesApi,
  { cluster: { namespace }, secretName }: InstalledBundle,
  store: TrustStore,
): Promise<boolean> {
  const inUse = await readTlsSecret(kubernetes, { namespace, name: secretName });
  if (inUse.kind !== 'valid') return false;
  const now = new Date();
  const chain = decodeCertificates(inUse.chainPem) ?? [];
  return Date.parse(inUse.certificate.notAfter) <= now.getTime() || trustedPathOf(chain, store, now) === undefined;
}
