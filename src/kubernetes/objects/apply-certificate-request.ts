import type { StatusReport } from '../../certificates/status-report.ts';
import type { BundleView, ClusterView } from '../../clusters/cluster-view.ts';
import { requestName } from '../../clusters/request-name.ts';
import type { ApplyCertificateRequestInput, RequestObservation } from '../../contract/activities.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import { requireServedBundle, type ViewSettings, viewOf } from './asked-for.ts';
import type { BundleStatus } from './bundle-status.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import { ensureCertificateRequest } from './ensure-request.ts';
import { observeRequest } from './observed-request.ts';
import type { OperatorSettings } from './operator-settings.ts';
import { ensureFinalizer, isStandalone, isWriteError, type ReadObject, readPrimaryObject } from './primary-object.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';
import { requireExclusiveSecret } from './secret-ownership.ts';
import type { ServedBundles } from './served-bundles.ts';
import type { StatusWriter } from './status-writer.ts';
import { claimTargetSecret } from './target-secret.ts';
import { observationOf } from './tls-secret.ts';

/** Access to the management cluster: the API with an activity's signal, the rest shared by all of a process. */
export interface ManagementClusterAccess {
  readonly kubernetes: KubernetesApi;
  readonly settings: OperatorSettings;
  readonly requestStatus: StatusWriter<StatusReport>;
  readonly bundleStatus: StatusWriter<BundleStatus>;
  readonly bundles: Pick<ServedBundles, 'cache'>;
  readonly projection: ViewSettings;
}

/**
 * Brings finalizer, CertificateRequest and Secret ownership into the desired state; as a rule one write and two
 * reads.
 * With a certificate in the Secret, a finalizer or request that cannot be written is a `writeError` of the result.
 * @throws CertmanError `kubernetes/notAskedFor`, `kubernetes/secretBroken`, `kubernetes/ownedByOther`, `configuration/invalid`: do not order.
 */
export async function applyCertificateRequest(
  access: ManagementClusterAccess,
  input: ApplyCertificateRequestInput,
): Promise<RequestObservation> {
  const { kubernetes, bundles } = access;
  const { namespace } = input.cluster;
  const { object, writeError, view, bundle } = await ensureRequest(access, input);
  access.requestStatus.cache(object);
  const { name, uid, renewBeforeDays, acmeServer, serialNumber } = observeRequest(object);
  const request = { namespace, name, uid };
  bundles.cache(view, bundle, request);
  if (bundle.secretName === '') {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `CertificateRequest ${namespace}/${name} names no valid Secret: spec.certificateSecret.name is missing or is no name of an object.`,
      remedy: 'Correct it: lower case letters, digits, hyphens and dots. certman then continues by itself.',
    });
  }
  const { identity } = view;
  const secret = await claimTargetSecret(kubernetes, { cluster: identity, request, secretName: bundle.secretName });
  if (secret.kind === 'missing' && isStandalone(identity))
    await requireExclusiveSecret(kubernetes, object, bundle.secretName);
  // Without the finalizer, a first certificate could outlive its cluster unrevoked.
  if (writeError !== undefined && secret.kind !== 'valid') throw writeError;
  // Of another certificate in the Secret, the issuer is not known.
  const isReported = secret.kind !== 'valid' || secret.certificate.serialNumber === serialNumber;
  const issuedByCaHost = isReported ? acmeServer : undefined;
  return { request, renewBeforeDays, secret: observationOf(secret), issuedByCaHost, writeError: writeError?.info };
}

/** The request, and what its object asks for. */
interface EnsuredRequest extends ReadObject {
  readonly view: ClusterView;
  readonly bundle: BundleView;
}

/** The bundle's CertificateRequest: the user's own, which gets only the finalizer, or the one applied for a cluster. */
async function ensureRequest(
  { kubernetes, settings, bundleStatus, projection }: ManagementClusterAccess,
  { cluster, bundleName, requestUid }: ApplyCertificateRequestInput,
): Promise<EnsuredRequest> {
  const read = await readPrimaryObject(kubernetes, cluster);
  const view = viewOf(read, cluster, projection);
  const bundle = requireServedBundle(view, bundleName);
  if (isStandalone(cluster)) return { ...(await ensureFinalizer(kubernetes, cluster, read)), view, bundle };
  let writeError: CertmanError | undefined;
  const readInstead = async (error: unknown): Promise<KubernetesObject> => {
    const found = isWriteError(error) ? await findOwnRequest(kubernetes, view, bundle) : undefined;
    if (found === undefined || !isWriteError(error)) throw error;
    writeError = error;
    return found;
  };
  let request: KubernetesObject | undefined;
  const email = await settings.notificationEmail().catch(async (error: unknown) => {
    request = await readInstead(error);
    return '';
  });
  const finalizer = await ensureFinalizer(kubernetes, cluster, read);
  bundleStatus.cache(finalizer.object);
  const wanted = { cluster: view, bundle, requestUid };
  request ??= await ensureCertificateRequest(kubernetes, wanted, email).catch(readInstead);
  return { object: request, writeError: finalizer.writeError ?? writeError, view, bundle };
}

/** The request that an earlier evaluation applied for this cluster. */
async function findOwnRequest(
  kubernetes: KubernetesApi,
  { identity }: ClusterView,
  bundle: BundleView,
): Promise<KubernetesObject | undefined> {
  const { namespace } = identity;
  const found = await kubernetes.get(CERTIFICATE_REQUESTS, {
    namespace,
    name: requestName(identity.name, bundle.name),
  });
  if (found === undefined || found.metadata.deletionTimestamp !== undefined) return undefined;
  return requestOwnershipOf(found.metadata, identity).kind === 'owned' ? found : undefined;
}
