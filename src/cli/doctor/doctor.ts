import { ConfigurationError } from '../../configuration/configuration-error.ts';
import type { Configuration } from '../../configuration/load-configuration.ts';
import { loadConfiguration } from '../../configuration/load-configuration.ts';
import { openCas } from '../../issuance/open-cas.ts';
import { ACCOUNT_SECRET, createOperatorSettings } from '../../kubernetes/objects/operator-settings.ts';
import { VERSION } from '../../version.ts';
import type { ClusterName } from '../arguments.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { openTemporal } from '../temporal-client.ts';
import { type CaChecks, caChecks } from './ca-checks.ts';
import type { Check, CheckResult } from './check.ts';
import { clusterChecks } from './cluster-checks.ts';
import type { DoctorContext } from './doctor-context.ts';
import { type KubernetesChecks, kubernetesChecks } from './kubernetes-checks.ts';
import { resolverChecks } from './resolver-checks.ts';
import {
  accountCheck,
  configMapCheck,
  environmentCheck,
  renewalWindowsCheck,
  restartsCheck,
  workerSettingsCheck,
} from './settings-checks.ts';
import { temporalChecks } from './temporal-checks.ts';
import { workerChecks } from './worker-checks.ts';

/** What is to be checked. */
export interface DoctorRequest {
  readonly connection: KubeConnection;
  readonly preInstall: boolean;
  readonly cluster: ClusterName | undefined;
  /** Of each check. */
  readonly timeoutMs: number;
}

/**
 * Runs all checks side by side, each once what it needs has its answer, and changes nothing.
 * @param onResult called in the order of the checks, each as soon as it and those before it have their answers.
 */
export async function runDoctor(
  request: DoctorRequest,
  onResult: (result: CheckResult) => void = () => undefined,
): Promise<readonly CheckResult[]> {
  const closers: (() => Promise<void>)[] = [];
  const context: DoctorContext = {
    ...request,
    configuration: readConfiguration(),
    openTemporal,
    onClose: (close) => closers.push(close),
  };
  try {
    const answers = allChecks(context).map((check) => check.result(request.timeoutMs));
    const results: CheckResult[] = [];
    for (const answer of answers) {
      const result = await answer;
      results.push(result);
      onResult(result);
    }
    return results;
  } finally {
    await Promise.allSettled(closers.map((close) => close()));
  }
}

/** In the order in which they are shown. */
function allChecks(context: DoctorContext): readonly Check<unknown>[] {
  const { configuration, preInstall, cluster, onClose } = context;
  const temporal = temporalChecks(context);
  const kubernetes = kubernetesChecks(context, temporal);
  const environment = environmentCheck();
  // Without valid settings it is not known which workers, CAs and resolvers there are.
  if (configuration === undefined) return [environment, ...temporal.all, ...kubernetes.all];
  const { managementCluster, namespace } = configuration;
  const { accounts, cas, stagingCa } = accountsAndCas(context, configuration, kubernetes);
  const clusters =
    cluster === undefined
      ? []
      : clusterChecks({ name: cluster, configuration, client: kubernetes.client, temporal, cas, onClose });
  return [
    environment,
    ...(preInstall
      ? []
      : [
          workerSettingsCheck(kubernetes.client, namespace),
          configMapCheck(kubernetes.client, namespace),
          renewalWindowsCheck(kubernetes.client),
          restartsCheck(kubernetes.client, configuration),
          ...accounts,
        ]),
    ...temporal.all,
    ...(preInstall ? [] : workerChecks(managementCluster, temporal)),
    ...kubernetes.all,
    ...[...cas, ...stagingCa].flatMap(({ all }) => all),
    ...resolverChecks(configuration, onClose),
    ...clusters,
  ];
}

/** The CAs, and the Secrets with their accounts. */
interface AccountsAndCas {
  readonly accounts: readonly Check<unknown>[];
  /** Those that certificates are from, first that of certman-operator's account. */
  readonly cas: readonly CaChecks[];
  /** That which orders are proved at, if there is one: no CAA record of a cluster is for it. */
  readonly stagingCa: readonly CaChecks[];
}

function accountsAndCas(
  { preInstall, onClose }: DoctorContext,
  configuration: Configuration,
  { client }: KubernetesChecks,
): AccountsAndCas {
  const { namespace, fallbackAccounts = [], stagingAccount, acmeDirectoryUrl } = configuration;
  const issuing = [{ secretName: ACCOUNT_SECRET, directoryUrl: acmeDirectoryUrl }, ...fallbackAccounts];
  const staging = stagingAccount === undefined ? [] : [{ ...stagingAccount, isStaging: true }];
  const listed = [...issuing, ...staging];
  const split = (all: readonly CaChecks[]) => ({
    cas: all.slice(0, issuing.length),
    stagingCa: all.slice(issuing.length),
  });
  if (preInstall) {
    const cas = listed.map((one) =>
      caChecks({ ...one, account: undefined, source: undefined }, configuration, onClose),
    );
    return { accounts: [], ...split(cas) };
  }
  let opened: ReturnType<typeof openCas> | undefined;
  const open = () => {
    if (opened === undefined) {
      const kubernetes = client.value;
      const settings = createOperatorSettings({ kubernetes, operatorNamespace: namespace });
      const list = openCas({ kubernetes, settings, userAgent: `certman/${VERSION}` }, configuration);
      opened = list;
      onClose(() => list.close());
    }
    return opened;
  };
  const accounts = listed.map((one) => accountCheck(client, namespace, one));
  const cas = listed.map((one, index) => {
    const source = () => {
      const { first, fallbacks, staging: proving } = open();
      return [first, ...fallbacks, ...(proving === undefined ? [] : [proving])][index] ?? first;
    };
    return caChecks({ ...one, account: accounts[index], source }, configuration, onClose);
  });
  return { accounts, ...split(cas) };
}

/** @returns undefined where they are wrong: the check of the settings says how. */
function readConfiguration(): Configuration | undefined {
  try {
    return loadConfiguration(process.env);
  } catch (error) {
    if (error instanceof ConfigurationError) return undefined;
    throw error;
  }
}
