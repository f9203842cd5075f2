import { loadSettings } from '../../configuration/load-configuration.ts';
import { Preflight } from '../../dns/preflight.ts';
import { counted } from '../../failures/counted.ts';
import { CA_SETTINGS, openCas } from '../../issuance/open-cas.ts';
import { ACCOUNT_SECRET, createOperatorSettings } from '../../kubernetes/objects/operator-settings.ts';
import { VERSION } from '../../version.ts';
import { parseNamespace } from '../arguments.ts';
import type { SelectionOptions } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { formatOutput, note, type OutputOptions, print } from '../output.ts';
import { checkAccounts } from './check-accounts.ts';
import { checkFleet } from './check-fleet.ts';
import { type CaCheck, formatCheck } from './format-check.ts';
import { listCertified } from './list-certified.ts';

/** For a whole cluster: nothing waits for it. */
const MAX_CLUSTER_MS = 30_000;
const PROGRESS_INTERVAL_MS = 10_000;

/** Options of `certman ca check`. */
export interface CaCheckOptions extends SelectionOptions, OutputOptions {}

/** Prints whether each CA can be used, and for which clusters. Exit code 1 when one cannot, or not for all. */
export async function checkCas(options: CaCheckOptions): Promise<void> {
  const found = await readCheck(options);
  print(await formatOutput(options, found, formatCheck));
  if (found.clusters.refused.length > 0 || found.cas.some(({ problem }) => problem !== undefined)) process.exitCode = 1;
}

async function readCheck(options: CaCheckOptions): Promise<CaCheck> {
  const { namespace, allNamespaces, selector: labelSelector } = options;
  const isNamespaced = namespace !== undefined && allNamespaces !== true;
  const selection = { namespace: isNamespaced ? parseNamespace(namespace) : undefined, labelSelector };
  const settings = loadSettings(process.env, [
    ...CA_SETTINGS,
    'acmeProfile',
    'dohResolvers',
    'dohCaBundle',
    'managementCluster',
    'extraRecord',
    'standaloneRequests',
  ]);
  const { fallbackAccounts = [], stagingAccount, dohResolvers, dohCaBundle } = settings;
  const ordering = [ACCOUNT_SECRET, ...fallbackAccounts.map(({ secretName }) => secretName)];
  const secrets = { ordering, staging: stagingAccount?.secretName };
  return await withKubernetes(async (kubernetes) => {
    const account = createOperatorSettings({ kubernetes, operatorNamespace: settings.namespace });
    const cas = openCas({ kubernetes, settings: account, userAgent: `certman/${VERSION}` }, settings);
    const preflight = new Preflight({
      resolvers: dohResolvers,
      ...(dohCaBundle !== undefined && { resolverCa: dohCaBundle }),
      maxDurationMs: MAX_CLUSTER_MS,
    });
    try {
      const [checked, clusters] = await Promise.all([
        checkAccounts(cas, secrets, settings.acmeProfile),
        listCertified(kubernetes, settings, selection),
      ]);
      return { cas: checked, clusters: await checkFleet(preflight, checked, clusters, progress(clusters.length)) };
    } finally {
      await Promise.all([preflight.close(), cas.close()]);
    }
  }, options);
}

/** Says how far it is every ten seconds. */
function progress(total: number): (done: number) => void {
  let next = Date.now() + PROGRESS_INTERVAL_MS;
  return (done) => {
    if (Date.now() < next) return;
    next = Date.now() + PROGRESS_INTERVAL_MS;
    note(`${done} of ${counted(total, 'cluster')} checked`);
  };
}
