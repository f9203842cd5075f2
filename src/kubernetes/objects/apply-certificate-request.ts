import type { RenewalPolicy } from '../../certificates/planned-renewal.ts';
import type { StatusReport } from '../../certificates/status-report.ts';
import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';
import type { BundleView, ClusterView } from '../../clusters/cluster-view.ts';
import { requestName } from '../../clusters/request-name.ts';
import type {
  ApplyCertificateRequestInput,
  KnownFacts,
  RequestObservation,
} from '../../contract/activities/kubernetes.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import { requireServedBundle, type ViewSettings, viewOf } from './asked-for.ts';
import type { BundleStatus } from './bundle-status.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import { ensureCertificateRequest } from './ensure-request.ts';
import type { MissingFinalizers } from './missing-finalizers.ts';
import { observeRequest } from './observed-request.ts';
import type { OperatorSettings } from './operator-settings.ts';
import {
  addFinalizerIfUnchanged,
  ensureFinalizer,
  isStandalone,
  isWriteError,
  type ReadObject,
  readPrimaryObject,
} from './primary-object.ts';
import { type RequestedPolicy, renewalPolicyOf } from './renewal-policy-annotation.ts';
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
  readonly bundleStatus: StatusWriter<readonly BundleStatus[]>;
  readonly bundles: Pick<ServedBundles, 'cache'>;
  readonly projection: ViewSettings;
  /** Of the watch in this process; absent: each object is read. */
  readonly missingFinalizers?: Pick<MissingFinalizers, 'take'> | undefined;
  /** Of requests without the annotation; absent: `renew-before`. */
  readonly renewalPolicy?: RenewalPolicy;
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
  complete: CompleteObservation = (observation) => Promise.resolve(observation),
): Promise<RequestObservation> {
  const { bundleName, planBy } = input;
  const cluster = await readCluster(access, input.cluster, [bundleName]);
  const { kubernetes } = access;
  const observation = await applyToBundle(access, cluster, input);
  return await complete(observation, { kubernetes, cluster, bundleName, known: planBy });
}

/** Completes what was observed of a bundle: the CA, and whether its renewal waits. */
export type CompleteObservation = (
  observation: RequestObservation,
  of: {
    readonly kubernetes: KubernetesApi;
    readonly cluster: ReadCluster;
    readonly bundleName: string;
    /** Undefined: nothing is postponed. */
    readonly known: KnownFacts | undefined;
  },
) => Promise<RequestObservation>;

/** The object of a cluster or of a standalone request, for all of its bundles. */
export interface ReadCluster {
  readonly view: ClusterView;
  readonly labels: Readonly<Record<string, string>>;
  /** Adds a missing finalizer: once, when the first bundle needs it. */
  readonly ensureFinalizer: () => Promise<ReadObject>;
}

/**
 * Reads the object, or adds its finalizer as the watch of this process has just observed it, which returns it.
 * @param bundleNames that are evaluated. @throws CertmanError as {@link readPrimaryObject}, `kubernetes/notAskedFor`.
 */
export async function readCluster(
  access: ManagementClusterAccess,
  cluster: ClusterIdentity,
  bundleNames: readonly string[],
): Promise<ReadCluster> {
  const { kubernetes, projection } = access;
  const { object, writeError } = await addMissingFinalizer(access, cluster, bundleNames);
  const read = object ?? (await readPrimaryObject(kubernetes, cluster));
  let ensured: Promise<ReadObject> | undefined;
  return {
    view: viewOf(read, cluster, projection),
    labels: read.metadata.labels ?? {},
    ensureFinalizer: () => {
      ensured ??= ensureFinalizer(kubernetes, cluster, read, writeError);
      return ensured;
    },
  };
}

/** @returns no object where it has to be read, with the reason where the finalizer could not be written. */
async function addMissingFinalizer(
  { kubernetes, settings, missingFinalizers }: ManagementClusterAccess,
  cluster: ClusterIdentity,
  bundleNames: readonly string[],
): Promise<Partial<ReadObject>> {
  const resourceVersion = missingFinalizers?.take(cluster, bundleNames);
  if (resourceVersion === undefined) return {};
  try {
    // Without it there is no CertificateRequest, for which the finalizer is.
    await settings.notificationEmail();
  } catch {
    return {};
  }
  try {
    return { object: await addFinalizerIfUnchanged(kubernetes, cluster, resourceVersion) };
  } catch (error) {
    if (!isWriteError(error)) throw error;
    return { writeError: error };
  }
}

/** As {@link applyCertificateRequest}, of an object that has just been read. */
export async function applyToBundle(
  access: ManagementClusterAccess,
  cluster: ReadCluster,
  { bundleName, requestUid }: Pick<ApplyCertificateRequestInput, 'bundleName' | 'requestUid'>,
): Promise<RequestObservation> {
  const { kubernetes, bundles } = access;
  const { view } = cluster;
  const { namespace } = view.identity;
  const bundle = requireServedBundle(view, bundleName);
  const { object, writeError } = await ensureRequest(access, cluster, bundle, requestUid);
  access.requestStatus.cache(object);
  const observed = observeRequest(object);
  const { name, uid, renewBeforeDays, acmeServer, serialNumber } = observed;
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
  return {
    request,
    generation: object.metadata.generation,
    renewBeforeDays,
    ...policyFactsOf(renewalPolicyOf(observed, access.renewalPolicy)),
    secret: observationOf(secret),
    issuedByCaHost,
    writeError: writeError?.info,
  };
}

/** The default is left out: with it, statuses and histories are as before there were policies. */
function policyFactsOf({
  policy,
  problem,
}: RequestedPolicy): Pick<RequestObservation, 'renewalPolicy' | 'renewalPolicyProblem'> {
  return { renewalPolicy: policy === 'renew-before' ? undefined : policy, renewalPolicyProblem: problem };
}

/** The bundle's CertificateRequest: the user's own, which gets only the finalizer, or the one applied for a cluster. */
async function ensureRequest(
  { kubernetes, settings, bundleStatus }: ManagementClusterAccess,
  { view, ensureFinalizer: ensure }: ReadCluster,
  bundle: BundleView,
  requestUid: string | undefined,
): Promise<ReadObject> {
  if (isStandalone(view.identity)) return await ensure();
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
  const finalizer = await ensure();
  bundleStatus.cache(finalizer.object);
  const wanted = { cluster: view, bundle, requestUid };
  request ??= await ensureCertificateRequest(kubernetes, wanted, email).catch(readInstead);
  return { object: request, writeError: finalizer.writeError ?? writeError };
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
