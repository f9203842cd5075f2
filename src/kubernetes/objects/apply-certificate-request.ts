import type { StatusReport } from '../../certificates/status-report.ts';
import type { ApplyCertificateRequestInput, RequestObservation } from '../../contract/activities.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import type { BundleStatus } from './bundle-status.ts';
import { ensureCertificateRequest } from './ensure-request.ts';
import { observeRequest } from './observed-request.ts';
import type { OperatorSettings } from './operator-settings.ts';
import { addClusterDeploymentFinalizer, addStandaloneFinalizer, isStandalone } from './primary-object.ts';
import { requireExclusiveSecret } from './secret-ownership.ts';
import type { StatusWriter } from './status-writer.ts';
import { claimTargetSecret } from './target-secret.ts';
import { observationOf } from './tls-secret.ts';

/** Access to the management cluster: the API with an activity's signal, the rest shared by all of a process. */
export interface ManagementClusterAccess {
  readonly kubernetes: KubernetesApi;
  readonly settings: OperatorSettings;
  readonly requestStatus: StatusWriter<StatusReport>;
  readonly bundleStatus: StatusWriter<BundleStatus>;
}

/**
 * Brings finalizer, CertificateRequest and Secret ownership into the desired state; as a rule two requests and a read.
 * @throws CertmanError `kubernetes/secretBroken`, `kubernetes/ownedByOther`, `configuration/invalid`: do not order.
 */
export async function applyCertificateRequest(
  access: ManagementClusterAccess,
  { cluster, bundle }: ApplyCertificateRequestInput,
): Promise<RequestObservation> {
  const { kubernetes } = access;
  const { namespace } = cluster.identity;
  const object = await ensureRequest(access, { cluster, bundle });
  access.requestStatus.cache(object);
  const { name, uid, renewBeforeDays, acmeServer, serialNumber } = observeRequest(object);
  const request = { namespace, name, uid };
  if (bundle.secretName === '') {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `CertificateRequest ${namespace}/${name} names no valid Secret: spec.certificateSecret.name is missing or is no name of an object.`,
      remedy: 'Correct it: lower case letters, digits, hyphens and dots. certman then continues by itself.',
    });
  }
  const { identity } = cluster;
  const secret = await claimTargetSecret(kubernetes, { cluster: identity, request, secretName: bundle.secretName });
  if (secret.kind === 'missing' && isStandalone(identity))
    await requireExclusiveSecret(kubernetes, object, bundle.secretName);
  // Of another certificate in the Secret, the issuer is not known.
  const isReported = secret.kind !== 'valid' || secret.certificate.serialNumber === serialNumber;
  const issuedByCaHost = isReported ? acmeServer : undefined;
  return { request, renewBeforeDays, secret: observationOf(secret), issuedByCaHost };
}

/** The bundle's CertificateRequest: the user's own, which gets only the finalizer, or the one applied for a cluster. */
async function ensureRequest(
  { kubernetes, settings, bundleStatus }: ManagementClusterAccess,
  { cluster, bundle }: ApplyCertificateRequestInput,
): Promise<KubernetesObject> {
  if (isStandalone(cluster.identity)) return await addStandaloneFinalizer(kubernetes, cluster.identity);
  const email = await settings.notificationEmail();
  // Even when the view has the finalizer: it may have been removed since.
  bundleStatus.cache(await addClusterDeploymentFinalizer(kubernetes, cluster.identity));
  return await ensureCertificateRequest(kubernetes, cluster, bundle, email);
}
