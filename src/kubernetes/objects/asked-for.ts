/** What an object asks for, read by uid: activities act by that, since anyone who can write to Temporal can start them. */
import type { ClusterRef } from '../../clusters/cluster-identity.ts';
import type { BundleView, ClusterView } from '../../clusters/cluster-view.ts';
import { gateOf } from '../../clusters/gate.ts';
import { requestName } from '../../clusters/request-name.ts';
import { CertmanError } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import type { KubernetesObject } from '../api/kubernetes-api.ts';
import { describeObject } from '../api/resource-path.ts';
import { type ProjectionSettings, projectClusterDeployment } from './cluster-deployment.ts';
import { observeRequest } from './observed-request.ts';
import { isStandalone, primaryResource } from './primary-object.ts';
import { type StandaloneSettings, standaloneView } from './request-views.ts';

/** How objects of both kinds are read. */
export interface ViewSettings extends ProjectionSettings, StandaloneSettings {}

/** The refusal of what the object does not ask for. @param why as a sentence. */
export function notAskedFor(cluster: ClusterRef, why: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/notAskedFor',
    message: `Refused: ${oneLine(describeObject(primaryResource(cluster), cluster), 600)} (uid ${oneLine(String(cluster.uid), 64)}) does not ask for it. ${why}`,
    remedy:
      'It was changed just now, and certman continues by itself; or a client other than certman has started a workflow or an activity.',
  });
}

/** The view of an object that was read. @throws CertmanError `kubernetes/notAskedFor` where it is not to be served. */
export function viewOf(object: KubernetesObject, cluster: ClusterRef, projection: ViewSettings): ClusterView {
  if (isStandalone(cluster)) {
    const request = observeRequest(object);
    if (request.owner !== undefined)
      throw notAskedFor(cluster, `It belongs to ClusterDeployment ${request.owner.name}.`);
    return standaloneView(projection, request);
  }
  const projected = projectClusterDeployment(object, projection);
  if (projected.kind === 'malformed') throw notAskedFor(cluster, projected.message);
  return projected.view;
}

/** The bundle, of an object that is served. @throws CertmanError `kubernetes/notAskedFor`. */
export function requireServedBundle(view: ClusterView, bundleName: string): BundleView {
  requireServed(view);
  const bundle = view.bundles.find(({ name }) => name === bundleName);
  if (bundle !== undefined) return bundle;
  throw notAskedFor(view.identity, `It has no bundle ${oneLine(bundleName, 100)} to be generated.`);
}

/** @throws CertmanError `kubernetes/notAskedFor` while a gate is closed. */
export function requireServed(view: ClusterView): void {
  const gate = gateOf(view);
  if (gate.kind !== 'serve') throw notAskedFor(view.identity, gate.message);
}

/** Requires that the deletion need not wait. @throws CertmanError `kubernetes/notAskedFor`. */
export function requireReleasable(view: ClusterView): void {
  const gate = gateOf(view);
  if (gate.kind !== 'decommission')
    throw notAskedFor(view.identity, 'message' in gate ? gate.message : 'It is served.');
}

/**
 * Requires that what a bundle has may be removed: its object is being deleted, or it is a ClusterDeployment that no
 * longer asks for it. @throws CertmanError `kubernetes/notAskedFor`.
 */
export function requireRemovable(
  view: ClusterView,
  bundle: { readonly bundleName: string; readonly requestName: string },
): void {
  const { identity, bundles } = view;
  const gate = gateOf(view);
  if (gate.kind === 'decommission') return;
  if (gate.kind !== 'serve') throw notAskedFor(identity, gate.message);
  if (isStandalone(identity)) throw notAskedFor(identity, 'It is not being deleted.');
  const asked = bundles.some(
    ({ name }) => name === bundle.bundleName || requestName(identity.name, name) === bundle.requestName,
  );
  if (asked)
    throw notAskedFor(identity, `It is not being deleted, and has the bundle ${oneLine(bundle.bundleName, 100)}.`);
}
