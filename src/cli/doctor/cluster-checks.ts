import { expiryLevel } from '../../certificates/expiry-level.ts';
import type { ClusterView } from '../../clusters/cluster-view.ts';
import { gateOf } from '../../clusters/gate.ts';
import { zoneTargetOf } from '../../clusters/zone-target.ts';
import type { Configuration } from '../../configuration/load-configuration.ts';
import { DnsSources } from '../../dns/dns-sources.ts';
import type { Finding } from '../../dns/finding.ts';
import { Preflight, type PreflightRequest } from '../../dns/preflight.ts';
import type { ZoneDelegation } from '../../dns/provider.ts';
import { CertmanError, type FailureCode } from '../../failures/failure.ts';
import type { KubernetesClient } from '../../kubernetes/api/client.ts';
import { readTlsSecret } from '../../kubernetes/objects/tls-secret.ts';
import { createDnsProvider } from '../../worker/dns-provider.ts';
import type { ClusterName } from '../arguments.ts';
import { formatRelative } from '../output.ts';
import { commandLine } from '../program-name.ts';
import { clusterFromTemporal } from '../status/from-temporal.ts';
import { isUnavailable, unavailableMessage } from '../temporal-client.ts';
import type { CaChecks } from './ca-checks.ts';
import { Check, CheckFailure, passed, warning } from './check.ts';
import { readClusterView } from './read-cluster-view.ts';
import type { TemporalChecks } from './temporal-checks.ts';

const PREFLIGHT_MS = 8_000;

/** Where zone and credentials are wrong, rather than the lookup of the zone. */
const CREDENTIALS_CODES: ReadonlySet<FailureCode> = new Set([
  'dns/credentialsMissing',
  'dns/credentialsMalformed',
  'dns/accessDenied',
]);

/** What the checks of a cluster are made from. */
export interface ClusterCheckDeps {
  readonly name: ClusterName;
  readonly configuration: Configuration;
  readonly client: Check<KubernetesClient>;
  readonly temporal: TemporalChecks;
  readonly cas: readonly CaChecks[];
  readonly onClose: (close: () => Promise<void>) => void;
}

/** One cluster or standalone CertificateRequest: what it asks for, its zone in public DNS, its Secrets, its workflow. */
export function clusterChecks(deps: ClusterCheckDeps): readonly Check<unknown>[] {
  const { name, configuration, client } = deps;
  const group = `Cluster ${name.namespace}/${name.name}`;
  const view = new Check({
    id: 'cluster-served',
    group,
    title: 'it exists and is served',
    needs: [client],
    run: async (signal) => {
      const found = await readClusterView(client.value.withSignal(signal), configuration, name);
      const gate = gateOf(found);
      if (gate.kind === 'serve' && gate.note === undefined) return passed('yes', found);
      return warning(
        gate.kind === 'serve' ? (gate.note ?? '') : gate.message,
        `What to do, with the command: ${commandLine(`explain ${name.namespace}/${name.name}`)}`,
        found,
      );
    },
  });
  return [
    view,
    namesCheck(group, view),
    ...zoneChecks(deps, group, view),
    ...secretChecks(deps, group, view),
    workflowCheck(deps, group, view),
  ];
}

function isServed(view: ClusterView): boolean {
  return gateOf(view).kind === 'serve';
}

function namesCheck(group: string, view: Check<ClusterView>): Check<unknown> {
  return new Check({
    id: 'cluster-names',
    group,
    title: 'its certificates have valid names',
    needs: [view],
    run: () => {
      const { bundles } = view.value;
      const wrong = bundles.flatMap(({ name, names }) => (names.kind === 'valid' ? [] : [`${name}: ${names.message}`]));
      if (wrong.length > 0)
        throw new CheckFailure(wrong.join(' '), 'Correct the spec: nothing is ordered for that bundle meanwhile.');
      if (bundles.length === 0)
        return Promise.resolve(
          warning('It has no certificate bundle to generate.', 'See spec.certificateBundles of the ClusterDeployment.'),
        );
      return Promise.resolve(passed(namesOf(view.value).join(', ')));
    },
  });
}

function namesOf({ bundles }: ClusterView): readonly string[] {
  return [...new Set(bundles.flatMap(({ names }) => (names.kind === 'valid' ? names.dnsNames : [])))];
}

/** The zone, or why there is none, where the credentials are not why. */
interface FoundZone {
  readonly delegation: ZoneDelegation | undefined;
  readonly problem?: CertmanError;
}

function zoneChecks(deps: ClusterCheckDeps, group: string, view: Check<ClusterView>): readonly Check<unknown>[] {
  const { configuration, client, cas, onClose } = deps;
  const credentials = new Check<FoundZone>({
    id: 'cluster-credentials',
    group,
    title: 'the credentials for its DNS are accepted',
    needs: [view],
    run: async (signal) => {
      const target = zoneTargetOf(view.value);
      const dns = createDnsProvider(configuration, { kubernetes: client.value, needsNameServers: true });
      try {
        return passed('yes', { delegation: await dns.delegation(target, signal, true) });
      } catch (problem) {
        if (!(problem instanceof CertmanError) || CREDENTIALS_CODES.has(problem.code)) throw problem;
        if (!problem.code.startsWith('dns/zone')) throw problem;
        return passed('yes', { delegation: undefined, problem });
      }
    },
  });
  const zone = new Check<ZoneDelegation>({
    id: 'cluster-zone',
    group,
    title: 'its zone exists',
    needs: [credentials],
    run: () => {
      const { delegation, problem } = credentials.value;
      if (problem !== undefined) throw problem;
      const { zoneName } = view.value;
      const found = delegation ?? { name: zoneName, nameServers: [] };
      const servers = found.nameServers.length === 0 ? '' : `, on ${found.nameServers.join(', ')}`;
      return Promise.resolve(passed(`${found.name}${servers}`, found));
    },
  });
  const preflight = new Preflight({
    resolvers: configuration.dohResolvers,
    ...(configuration.dohCaBundle !== undefined && { resolverCa: configuration.dohCaBundle }),
    maxDurationMs: PREFLIGHT_MS,
  });
  onClose(() => preflight.close());
  const look = (request: PreflightRequest, signal: AbortSignal) => preflight.findings(request, signal);
  const delegation = new Check({
    id: 'cluster-delegation',
    group,
    title: 'public DNS delegates the zone to its servers',
    needs: [zone],
    run: async (signal) => publicFinding(await look({ dnsNames: [], zone: zone.value }, signal), 'dns/notDelegated'),
  });
  const dnssec = new Check({
    id: 'cluster-dnssec',
    group,
    title: 'DNSSEC of the zone is not broken',
    needs: [view],
    run: async (signal) => {
      const target = { name: view.value.zoneName, nameServers: [] };
      return publicFinding(await look({ dnsNames: [], zone: target }, signal), 'dns/dnssecBroken');
    },
  });
  const caa = cas.map((ca, index) => {
    const suffix = index === 0 ? '' : `:${index + 1}`;
    return new Check({
      id: `cluster-caa${suffix}`,
      group,
      title: `CAA records let ${index === 0 ? 'the CA' : `CA ${index + 1}`} issue`,
      needs: [view, ca.directory, ...ca.accounts],
      run: async (signal) => {
        const applicant = ca.applicant();
        if (applicant === undefined)
          return warning('The CA does not say by which name CAA records allow it.', 'That is left to the CA.');
        return publicFinding(await look({ dnsNames: namesOf(view.value), applicant }, signal), 'dns/caaForbids');
      },
    });
  });
  return [credentials, zone, delegation, serversCheck(deps, group, zone), dnssec, ...caa];
}

/** What public DNS shows of one thing. @param code of that thing: other refusals have a check of their own. */
export function publicFinding(findings: readonly Finding[], code: FailureCode) {
  const refusals = findings.flatMap((finding) => (finding.kind === 'refused' ? [finding.refusal] : []));
  const [refusal] = refusals.filter((one) => one.code === code);
  if (refusal !== undefined)
    throw new CertmanError({
      code,
      message: refusal.message,
      ...(refusal.remedy !== undefined && { remedy: refusal.remedy }),
    });
  const [undecided] = findings.flatMap((finding) => (finding.kind === 'undecided' ? [finding.why] : []));
  if (undecided !== undefined)
    return warning(
      `The resolvers do not show it: ${undecided}.`,
      'It is left to the CA. See the check of the resolvers.',
    );
  const [other] = refusals;
  return other === undefined ? passed('yes') : warning('Not to be seen.', `First: ${other.message}`);
}

function serversCheck(deps: ClusterCheckDeps, group: string, zone: Check<ZoneDelegation>): Check<unknown> {
  const { configuration, onClose } = deps;
  return new Check({
    id: 'cluster-servers',
    group,
    title: 'the servers of its zone answer here (port 53)',
    needs: [zone],
    run: async () => {
      const { authoritativeServers: authoritative, dohResolvers: resolvers, privateNetworks } = configuration;
      if (authoritative.kind === 'off') return passed('not asked: CERTMAN_AUTHORITATIVE_SERVERS is off');
      const sources = new DnsSources({
        resolvers,
        authoritative,
        ...(privateNetworks !== undefined && { privateNetworks }),
      });
      onClose(() => sources.close());
      const servers = sources.serversOf(zone.value.nameServers);
      const answers = await Promise.all(
        servers.map(async (server) => ({
          server,
          answer: await server.queryCname(`_acme-challenge.${zone.value.name}`),
        })),
      );
      const silent = answers.flatMap(({ server, answer }) =>
        answer.kind === 'inconclusive' ? [`${server.name}: ${answer.why}`] : [],
      );
      if (silent.length === 0) return passed(`${servers.length} of ${servers.length}`);
      const text = `${silent.length} of ${servers.length} do not: ${silent.join('; ')}.`;
      return warning(
        text,
        'TXT records are then verified by the resolvers alone, which is slower. Open port 53 (UDP and TCP), or set CERTMAN_AUTHORITATIVE_SERVERS=off.',
      );
    },
  });
}

interface StoredCertificate {
  readonly bundle: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

function secretChecks(
  { client }: ClusterCheckDeps,
  group: string,
  view: Check<ClusterView>,
): readonly Check<unknown>[] {
  const secrets = new Check<readonly StoredCertificate[]>({
    id: 'cluster-secret',
    group,
    title: 'each Secret has a certificate for its names, with its key',
    needs: [view],
    run: async (signal) => {
      const { identity, bundles } = view.value;
      const kubernetes = client.value.withSignal(signal);
      const problems: string[] = [];
      const found: StoredCertificate[] = [];
      for (const { name: bundle, secretName, names } of bundles) {
        if (secretName === '') continue;
        const secret = await readTlsSecret(kubernetes, { namespace: identity.namespace, name: secretName });
        if (secret.kind === 'missing') problems.push(`${bundle}: there is no Secret ${secretName}.`);
        else if (secret.kind === 'broken') problems.push(`${bundle}: Secret ${secretName}: ${secret.message}`);
        else {
          const { notBefore, notAfter, dnsNames } = secret.certificate;
          found.push({ bundle, notBefore, notAfter });
          const wanted = names.kind === 'valid' ? names.dnsNames : [];
          const absent = wanted.filter((one) => !dnsNames.includes(one));
          if (absent.length > 0) problems.push(`${bundle}: Secret ${secretName} lacks ${absent.join(', ')}.`);
        }
      }
      if (problems.length === 0) return passed(`${found.length} of ${bundles.length}`, found);
      const remedy = `Why, and what is next: ${commandLine(`explain ${identity.namespace}/${identity.name}`)}`;
      // Nothing is issued yet, or any more.
      if (!isServed(view.value)) return warning(problems.join(' '), remedy, found);
      throw new CheckFailure(problems.join(' '), remedy);
    },
  });
  const expiry = new Check({
    id: 'cluster-expiry',
    group,
    title: 'no certificate is about to expire',
    needs: [secrets],
    run: () => {
      const now = Date.now();
      const levels = secrets.value.map((one) => ({ ...one, level: expiryLevel(one, now) }));
      const text = levels.map(({ bundle, notAfter }) => `${bundle} expires ${formatRelative(notAfter)}`).join(', ');
      const remedy = `The renewal is late: ${commandLine(`explain ${view.value.identity.namespace}/${view.value.identity.name}`)}`;
      if (levels.some(({ level }) => level === 'expired' || level === 'critical'))
        throw new CheckFailure(`${text}.`, remedy);
      return Promise.resolve(
        levels.some(({ level }) => level === 'near') ? warning(`${text}.`, remedy) : passed(text || 'there is none'),
      );
    },
  });
  return [secrets, expiry];
}

function workflowCheck(
  { name, configuration, temporal }: ClusterCheckDeps,
  group: string,
  view: Check<ClusterView>,
): Check<unknown> {
  const { managementCluster } = configuration;
  const text = `${name.namespace}/${name.name}`;
  return new Check({
    id: 'cluster-workflow',
    group,
    title: 'its workflow has no failure',
    needs: [temporal.namespace, view],
    run: async (_signal, timeoutMs) => {
      const { client } = temporal.connection.value;
      // Before the check itself is over: which of the two does not answer is then known.
      const report = await clusterFromTemporal(client, managementCluster, name, 0.8 * timeoutMs).catch(
        (error: unknown) => {
          if (!isUnavailable(error)) throw error;
          throw new CheckFailure(unavailableMessage(error), 'See the checks of the workers.');
        },
      );
      if (report === undefined && !isServed(view.value)) return passed('it has none, and needs none yet');
      if (report === undefined) {
        throw new CheckFailure(
          `Temporal has no running workflow of ${text} on the management cluster ${managementCluster}.`,
          `A worker starts it when it sees the cluster. Why it does not: ${commandLine(`explain ${text}`)}`,
        );
      }
      const { certificates } = report;
      const failing = certificates.filter(({ state }) => state === 'Failing');
      const remedy = `What to do, with the command: ${commandLine(`explain ${text}`)}`;
      const say = (of: typeof certificates) => of.map(({ bundle, message }) => `${bundle}: ${message}`).join(' ');
      if (failing.length > 0) throw new CheckFailure(say(failing), remedy);
      const waiting = certificates.filter(({ state }) => state === 'Waiting');
      if (waiting.length > 0) return warning(say(waiting), remedy);
      return passed(
        certificates.map(({ bundle, state }) => `${bundle} ${state}`).join(', ') || 'it has no certificate',
      );
    },
  });
}
