import { requestName } from '../../clusters/request-name.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { getIfKnown } from '../../kubernetes/api/discovery.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { observeRequest } from '../../kubernetes/objects/observed-request.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../kubernetes/objects/resources.ts';
import { nextOpening } from '../../renewal-windows/postpone.ts';
import { rulesFor } from '../../renewal-windows/rules.ts';
import { type ClusterName, UsageError } from '../arguments.ts';
import { readClusterView } from '../doctor/read-cluster-view.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { windowsIn } from './read-windows.ts';

/** As far as periods are looked for. */
const HORIZON_MS = 366 * 86_400_000;
const MAX_COUNT = 100;

/** When renewals of a cluster may start, and its certificates. Instants are RFC 3339. */
export interface RenewalSchedule {
  readonly cluster: string;
  /** Names of the rules that select it. */
  readonly windows: readonly string[];
  readonly freezes: readonly string[];
  /** When planned renewals may start, from now on; without `end`: it is not limited. */
  readonly periods: readonly { readonly start: string; readonly end?: string }[];
  readonly certificates: readonly {
    readonly request: string;
    /** Absent: none is planned. */
    readonly renewalTime?: string;
    /** Why it waits, as the reason of the condition `Renewing`. */
    readonly postponed?: string;
  }[];
}

/** @throws CertmanError as `readClusterView`, and `configuration/invalid` where the windows are not valid. */
export async function readSchedule(
  name: ClusterName,
  options: KubeConnection & { readonly count: string },
): Promise<RenewalSchedule> {
  const count = /^\d{1,3}$/.test(options.count) ? Number(options.count) : 0;
  if (count < 1 || count > MAX_COUNT) throw new UsageError(`--count is a number from 1 to ${MAX_COUNT}`);
  return await withKubernetes((kubernetes) => scheduleOf(kubernetes, name, count, Date.now()), options);
}

/** @param now epoch milliseconds. */
export async function scheduleOf(
  kubernetes: Pick<KubernetesApi, 'get'>,
  name: ClusterName,
  count: number,
  now: number,
): Promise<RenewalSchedule> {
  const settings = loadSettings(process.env, ['managementCluster', 'extraRecord', 'standaloneRequests']);
  const view = await readClusterView(kubernetes, settings, name);
  const resource = view.identity.kind === undefined ? CLUSTER_DEPLOYMENTS : CERTIFICATE_REQUESTS;
  const object = await getIfKnown(kubernetes, resource, name);
  const rules = rulesFor(await windowsIn(kubernetes), object?.metadata.labels ?? {});
  const requests = await Promise.all(
    view.bundles.map((bundle) =>
      kubernetes.get(CERTIFICATE_REQUESTS, {
        namespace: name.namespace,
        name: bundle.requestName ?? requestName(name.name, bundle.name),
      }),
    ),
  );
  const periods: { readonly start: string; readonly end?: string }[] = [];
  for (let from = now; periods.length < count; ) {
    const opening = nextOpening(rules, from, now + HORIZON_MS);
    if (opening === undefined) break;
    const start = new Date(opening.start).toISOString();
    periods.push(Number.isFinite(opening.end) ? { start, end: new Date(opening.end).toISOString() } : { start });
    from = opening.end;
  }
  return {
    cluster: `${name.namespace}/${name.name}`,
    windows: rules.windows.map((rule) => rule.name),
    freezes: rules.freezes.map((rule) => rule.name),
    periods,
    certificates: requests
      .filter((request) => request !== undefined)
      .map((one) => observeRequest(one))
      .map(({ name: request, renewalAt, postponed }) => ({
        request,
        renewalTime: renewalAt === undefined ? undefined : new Date(renewalAt).toISOString(),
        postponed,
      })),
  };
}
