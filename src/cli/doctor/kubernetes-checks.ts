import pLimit from 'p-limit';
import { z } from 'zod';
import { isFailure } from '../../failures/failure.ts';
import {
  type Access,
  isAllowed,
  type Subject,
  serviceAccountSubject,
  whoAmI,
} from '../../kubernetes/api/access-review.ts';
import type { KubernetesClient } from '../../kubernetes/api/client.ts';
import { isServed } from '../../kubernetes/api/discovery.ts';
import { readClusterUid } from '../../kubernetes/objects/cluster-uid.ts';
import { missingRequestFields, outdatedCrdMessage } from '../../kubernetes/objects/request-schema.ts';
import {
  INSTALLED_KINDS,
  type RequiredRight,
  RIGHTS_AT_HOME,
  RIGHTS_OF_IDENTITY,
  RIGHTS_TO_OWN_SECRETS,
  RIGHTS_WHERE_SERVED,
} from '../../kubernetes/objects/required-rights.ts';
import { CLUSTER_DEPLOYMENTS, DNS_ZONES } from '../../kubernetes/objects/resources.ts';
import { VERSION } from '../../version.ts';
import { apiServerOf, openKubernetes } from '../kubernetes-client.ts';
import { withRemedyForPeople } from '../kubernetes-remedies.ts';
import { watchedClusterUid } from '../management-cluster.ts';
import { Check, CheckFailure, passed, warning } from './check.ts';
import type { DoctorContext } from './doctor-context.ts';
import type { TemporalChecks } from './temporal-checks.ts';

const GROUP = 'Kubernetes';
/** Name of the ServiceAccount of deploy/base. */
const SERVICE_ACCOUNT = 'certman';
/** ValidatingAdmissionPolicy of the component admission-policy is in v1 from here on. */
const MIN_MINOR_VERSION = 30;
const CONCURRENCY = 10;
/** A namespace has twenty reviews. */
const MAX_NAMESPACES = 20;
const MAX_SHOWN_RIGHTS = 8;

const versionSchema = z.looseObject({
  gitVersion: z.string().max(100),
  major: z.string().max(10),
  minor: z.string().max(10),
});

/** What the checks of the API server find for others. */
export interface KubernetesChecks {
  readonly all: readonly Check<unknown>[];
  readonly client: Check<KubernetesClient>;
}

/** The API server of the management cluster: version, rights, CRDs. */
export function kubernetesChecks(context: DoctorContext, temporal: TemporalChecks): KubernetesChecks {
  const { connection, preInstall, onClose, configuration } = context;
  /** The context. */
  let opened: string | undefined;
  const client = new Check({
    id: 'kubernetes-reachable',
    group: GROUP,
    title: 'the API server is reachable',
    forPeople: (error) => (opened === undefined ? error : withRemedyForPeople(error, opened)),
    run: async (signal) => {
      const kubernetes = openKubernetes(connection);
      onClose(() => kubernetes.close());
      const { text, context: name } = apiServerOf(connection);
      opened = name;
      const answer = await kubernetes.getJson('/version', { signal });
      const version = versionSchema.parse(answer);
      const found = `${version.gitVersion} at ${text}`;
      const minor = Number.parseInt(version.minor, 10);
      if (version.major !== '1' || minor >= MIN_MINOR_VERSION) return passed(found, kubernetes);
      return warning(
        `It has version ${found}; certman is made for 1.${MIN_MINOR_VERSION} and later.`,
        'The component admission-policy needs ValidatingAdmissionPolicy in version v1.',
        kubernetes,
      );
    },
  });
  const ours = [
    sameClusterCheck(client, temporal, configuration?.managementCluster ?? ''),
    configuration === undefined ? [] : rightsCheck(client, configuration),
  ].flat();
  const all = [
    client,
    requestCrdCheck(client, preInstall),
    hiveCheck(client),
    ...(preInstall ? [installRightsCheck(client)] : ours),
  ];
  return { all, client };
}

function requestCrdCheck(client: Check<KubernetesClient>, preInstall: boolean): Check<unknown> {
  return new Check({
    id: 'kubernetes-crd',
    group: GROUP,
    title: `the CRD of CertificateRequests is that of version ${VERSION}, or newer`,
    needs: [client],
    run: async (signal) => {
      const command = 'kubectl apply -f deploy/base/certificaterequest-crd.yaml';
      const missing = await missingRequestFields(client.value, signal).catch((error: unknown) => {
        // The API server has no schema of a group that it does not know.
        if (isFailure(error, 'kubernetes/unreachable')) return undefined;
        throw error;
      });
      if (missing === undefined) {
        if (preInstall) return passed('it is not installed yet');
        throw new CheckFailure('The API server does not know CertificateRequests: the CRD is not installed.', command);
      }
      if (missing.length === 0) return passed('it has every field');
      throw new CheckFailure(outdatedCrdMessage(missing), command);
    },
  });
}

function hiveCheck(client: Check<KubernetesClient>): Check<unknown> {
  return new Check({
    id: 'kubernetes-hive',
    group: GROUP,
    title: 'Hive is installed',
    needs: [client],
    run: async (signal) => {
      const missing: string[] = [];
      for (const resource of [CLUSTER_DEPLOYMENTS, DNS_ZONES])
        if (!(await isServed(client.value, resource, signal))) missing.push(`${resource.plural}.${resource.group}`);
      if (missing.length === 0) return passed('ClusterDeployments and DNSZones are served');
      return warning(
        `The API server does not know ${missing.join(' and ')}.`,
        'Without Hive, certman serves standalone CertificateRequests only (docs/standalone-requests.md).',
      );
    },
  });
}

function sameClusterCheck(
  client: Check<KubernetesClient>,
  { connection, namespace }: TemporalChecks,
  managementCluster: string,
): Check<unknown> {
  return new Check({
    id: 'kubernetes-same-cluster',
    group: GROUP,
    title: `it is the management cluster ${managementCluster} of Temporal`,
    needs: [client, namespace],
    run: async () => {
      const [watched, own] = await Promise.all([
        watchedClusterUid(connection.value.client, managementCluster),
        readClusterUid(client.value),
      ]);
      if (watched === undefined) return passed('no worker has claimed that name yet');
      if (watched === own) return passed('by the uid of kube-system');
      throw new CheckFailure(
        `Workers have claimed the name ${managementCluster} for another cluster: its kube-system has the uid ${watched}, not ${own}.`,
        'Set CERTMAN_MANAGEMENT_CLUSTER to the name that certman has here, or name another context.',
      );
    },
  });
}

interface RightsSettings {
  readonly namespace: string;
  readonly watchNamespaces?: readonly string[];
}

function rightsCheck(client: Check<KubernetesClient>, settings: RightsSettings): Check<unknown> {
  const { namespace } = settings;
  return new Check({
    id: 'kubernetes-rights',
    group: GROUP,
    title: 'certman has the rights of deploy/base/rbac.yaml',
    needs: [client],
    run: async (signal) => {
      const self = await whoAmI(client.value, signal);
      // A person's own rights say nothing about those of the workers.
      const subject = self.startsWith('system:serviceaccount:')
        ? undefined
        : serviceAccountSubject(namespace, SERVICE_ACCOUNT);
      const who = subject?.user ?? self;
      const wanted = requiredAccess(settings);
      let missing: readonly Access[];
      try {
        missing = await missingAccess(client.value, wanted, subject, signal);
      } catch (error) {
        if (subject === undefined || !isFailure(error, 'kubernetes/forbidden')) throw error;
        return warning(
          `${self} may not look at the rights of ${who}.`,
          'Run it in a worker’s pod: kubectl exec -n certman-operator deploy/certman -- node bin/certman.js doctor',
        );
      }
      if (missing.length === 0) return passed(`${who} has all ${wanted.length}`);
      throw new CheckFailure(
        `${who} may not ${describeAccess(missing)}.`,
        'kubectl apply -f deploy/base/rbac.yaml, or what the overlay has instead; with CERTMAN_WATCH_NAMESPACES also deploy/examples/watched-namespace.yaml.',
      );
    },
  });
}

function installRightsCheck(client: Check<KubernetesClient>): Check<unknown> {
  return new Check({
    id: 'kubernetes-install-rights',
    group: GROUP,
    title: 'you may install certman',
    needs: [client],
    run: async (signal) => {
      const wanted = INSTALLED_KINDS.map((kind) => ({ ...kind, verb: 'create' }));
      const missing = await missingAccess(client.value, wanted, undefined, signal);
      if (missing.length === 0) return passed(`you may create all ${wanted.length} kinds of deploy/base`);
      throw new CheckFailure(
        `You may not ${describeAccess(missing)}.`,
        'Install certman as a cluster administrator (ClusterRole cluster-admin).',
      );
    },
  });
}

/** Each verb on each resource that the settings need, in each namespace. */
export function requiredAccess({ namespace, watchNamespaces }: RightsSettings): readonly Access[] {
  const home = accessOf(RIGHTS_AT_HOME, namespace);
  if (watchNamespaces === undefined) return [...accessOf(RIGHTS_WHERE_SERVED), ...home];
  const served = watchNamespaces.slice(0, MAX_NAMESPACES).flatMap((one) => accessOf(RIGHTS_WHERE_SERVED, one));
  return [...accessOf(RIGHTS_OF_IDENTITY), ...accessOf(RIGHTS_TO_OWN_SECRETS, namespace), ...home, ...served];
}

function accessOf(rights: readonly RequiredRight[], namespace?: string): readonly Access[] {
  return rights.flatMap(({ verbs, names = [undefined], ...what }) =>
    names.flatMap((name) => verbs.map((verb) => ({ ...what, verb, name, namespace }))),
  );
}

async function missingAccess(
  kubernetes: KubernetesClient,
  wanted: readonly Access[],
  subject: Subject | undefined,
  signal: AbortSignal,
): Promise<readonly Access[]> {
  const allowed = await pLimit(CONCURRENCY).map(wanted, (one) => isAllowed(kubernetes, one, { subject, signal }));
  return wanted.filter((_one, index) => allowed[index] !== true);
}

/** `patch clusterdeployments.hive.openshift.io/status, list secrets in ns`. */
function describeAccess(all: readonly Access[]): string {
  const texts = all.map(({ verb, group, resource, subresource, namespace, name }) =>
    [
      `${verb} ${resource}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`,
      ...(name === undefined ? [] : [`named ${name}`]),
      ...(namespace === undefined ? [] : [`in ${namespace}`]),
    ].join(' '),
  );
  const shown = texts.slice(0, MAX_SHOWN_RIGHTS).join(', ');
  return texts.length > MAX_SHOWN_RIGHTS ? `${shown}, and ${texts.length - MAX_SHOWN_RIGHTS} more` : shown;
}
