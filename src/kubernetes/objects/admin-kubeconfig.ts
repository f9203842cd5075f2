/** What Hive verifies a cluster's API server with: the CAs of the admin kubeconfig that it connects by. */
import { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import type { ClusterRef } from '../../clusters/cluster-identity.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
import { findPrimaryObject, isStandalone } from './primary-object.ts';
import { SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';

/** Entry of the Secret. Hive writes its additional CAs into this one, and keeps the installer's in `raw-kubeconfig`. */
const KUBECONFIG_ENTRY = 'kubeconfig';
/** The largest Secret that there is: HiveConfig can add a whole trust store. */
const MAX_KUBECONFIG_BYTES = 1024 * 1024;

/** The CAs by which Hive verifies the API server of a cluster. */
export type HiveTrust =
  /** The bundle is not that of a control plane which Hive connects to. */
  | { readonly kind: 'notConcerned' }
  /** Any CA of Hive's own operating system, or none is needed. */
  | { readonly kind: 'anyRoot' }
  /** `why` is a clause. */
  | { readonly kind: 'unknown'; readonly why: string }
  /** @property pem one or more certificates. @property secretName of the admin kubeconfig. */
  | { readonly kind: 'certificates'; readonly pem: string; readonly secretName: string };

const objectName = z.string().max(253);
const specSchema = z.object({
  controlPlaneConfig: z
    .object({
      servingCertificates: z
        .object({ default: z.string().nullish(), additional: z.array(z.object({ name: z.string() })).nullish() })
        .nullish(),
    })
    .nullish(),
  clusterMetadata: z.object({ adminKubeconfigSecretRef: z.object({ name: objectName }).nullish() }).nullish(),
});

/** Of client-node's `Cluster`, whose values are what the file has. */
const clusterSchema = z.object({
  caData: z.string().nullish(),
  caFile: z.string().nullish(),
  skipTLSVerify: z.boolean().nullish(),
});

/**
 * Reads the ClusterDeployment and, where the bundle is of its control plane, the Secret of its admin kubeconfig.
 * Source: the troubleshooting guide of openshift/hive, its pkg/remoteclient and AddAdditionalKubeconfigCAs.
 * @throws CertmanError `kubernetes/…` for a request that fails.
 */
export async function readHiveTrust(
  kubernetes: KubernetesApi,
  cluster: ClusterRef,
  bundleName: string,
): Promise<HiveTrust> {
  if (isStandalone(cluster)) return { kind: 'notConcerned' };
  const object = await findPrimaryObject(kubernetes, cluster);
  const { data: spec } = specSchema.safeParse(object?.['spec']);
  const { default: main, additional } = spec?.controlPlaneConfig?.servingCertificates ?? {};
  const isOfControlPlane = main === bundleName || additional?.some(({ name }) => name === bundleName) === true;
  if (!isOfControlPlane) return { kind: 'notConcerned' };
  const secretName = spec?.clusterMetadata?.adminKubeconfigSecretRef?.name ?? '';
  if (secretName === '')
    return { kind: 'unknown', why: 'the ClusterDeployment names no Secret with an admin kubeconfig' };
  const secret = await kubernetes.get(SECRETS, { namespace: cluster.namespace, name: secretName });
  if (secret === undefined) return { kind: 'unknown', why: `its Secret ${secretName} does not exist` };
  const read = readSecretText(secret['data'], KUBECONFIG_ENTRY, MAX_KUBECONFIG_BYTES);
  if (read.kind !== 'text') return { kind: 'unknown', why: `in its Secret ${secretName}, ${read.why}` };
  return trustOfKubeconfig(read.text, secretName);
}

/** @param text of a kubeconfig, which is never quoted: it has the key of the cluster's administrator. */
export function trustOfKubeconfig(text: string, secretName: string): HiveTrust {
  const unknown = (why: string): HiveTrust => ({
    kind: 'unknown',
    why: `in its Secret ${secretName}, the kubeconfig ${why}`,
  });
  const { data: found } = clusterSchema.safeParse(currentClusterOf(text));
  if (found === undefined) return unknown('has no cluster for its current context');
  const { caData, caFile, skipTLSVerify } = found;
  if (skipTLSVerify === true) return { kind: 'anyRoot' };
  if (caData) return { kind: 'certificates', pem: Buffer.from(caData, 'base64').toString('utf8'), secretName };
  return caFile ? unknown('names a file of CA certificates, which only Hive can read') : { kind: 'anyRoot' };
}

function currentClusterOf(text: string): unknown {
  const config = new KubeConfig();
  try {
    config.loadFromString(text);
  } catch {
    // Its message can quote the file.
    return undefined;
  }
  return config.getCurrentCluster();
}
