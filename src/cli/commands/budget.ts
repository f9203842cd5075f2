import { Command, InvalidArgumentError } from 'commander';
import { dnsNameProblem, normalizeName, quoted } from '../../certificates/dns-name.ts';
import { CertmanError } from '../../failures/failure.ts';
import { UsageError } from '../arguments.ts';
import { addOutputOptions } from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';

const MAX_CLUSTERS = 10_000;

const DEFAULT_CA = 'acme-v02.api.letsencrypt.org';
const DEFAULT_ROWS = 20;
/** Of the answer of a workflow. */
const MAX_ROWS = 5_000;

interface BudgetOptions extends OutputOptions {
  readonly forecast?: number;
  readonly domain?: string;
  readonly ca?: string;
  readonly rows: number;
  readonly ordersPerAccount?: number;
  readonly certificatesPerDomain?: number;
}

/** `certman budget`: what the CA's limits leave, and who waits; with `--forecast`, when clusters to come would be served. */
export function budgetCommand(): Command {
  const command = new Command('budget')
    .summary("show what the CA's limits leave, and who waits; forecast new clusters")
    .description(
      'Without --forecast: the budgets of the accounts of the Temporal namespace: what is used and left of each limit, when the next order is free, and which orders wait until when. Queries the workflows.\n' +
        "With --forecast: when new clusters, below a domain with --domain, would have their certificates by the CA's limits, as if all of them were installed now and nothing were used, and which override to ask the CA for. Asks neither the CA nor Temporal.",
    )
    .option(
      '--forecast <clusters>',
      `number of new clusters, each with one certificate (at most ${MAX_CLUSTERS})`,
      between(1, MAX_CLUSTERS),
    )
    .option(
      '--domain <name>',
      'registered domain of their names, such as example.com (default: each has one of its own); without --forecast: only its limit',
    )
    .option('--ca <host>', `host of the CA's directory (default: of a forecast, ${DEFAULT_CA}; else all)`)
    .option('--rows <n>', 'limits, and orders that wait, to list of each account', between(1, MAX_ROWS), DEFAULT_ROWS)
    .option(
      '--orders-per-account <n>',
      'forecast: the account may place so many orders in 7 days, by an override (without one: 300 in 3 hours)',
      between(1_000, 1_000_000),
    )
    .option(
      '--certificates-per-domain <n>',
      'forecast: the domain may have so many certificates in 7 days, by an override (without one: 50)',
      between(300, 2_500_000),
    );
  return addOutputOptions(command).action(async (options: BudgetOptions) => {
    const { forecast: clusters } = options;
    await (clusters === undefined ? showBudgets(options) : forecast({ ...options, forecast: clusters }));
  });
}

async function showBudgets({ domain, ca, rows, ...options }: BudgetOptions): Promise<void> {
  if (options.ordersPerAccount !== undefined || options.certificatesPerDomain !== undefined)
    throw new UsageError('--orders-per-account and --certificates-per-domain are for --forecast');
  const { readBudgets } = await import('../budget/read-budgets.ts');
  const { budgetsText } = await import('../budget/budgets-text.ts');
  const { withTemporal } = await import('../temporal-client.ts');
  const found = await withTemporal((client) =>
    readBudgets(client, { ca, rows, domain: domain && normalizeName(domain) }),
  );
  print(await formatOutput(options, found, budgetsText));
  if (found.budgets.some(({ problem }) => problem !== undefined)) process.exitCode = 1;
}

async function forecast(options: BudgetOptions & { readonly forecast: number }): Promise<void> {
  const { domain: name, ca = DEFAULT_CA, ordersPerAccount, certificatesPerDomain } = options;
  if (name === undefined && certificatesPerDomain !== undefined)
    throw new UsageError('--certificates-per-domain needs --domain, the domain that it is about');
  const { registeredDomain } = await import('../../acme/registered-domains.ts');
  const { caLimitsOf } = await import('../../rate-limit/ca-limits.ts');
  const { forecastOnboarding } = await import('../../rate-limit/forecast.ts');
  const { forecastText } = await import('../forecast-text.ts');
  const isName = name !== undefined && dnsNameProblem(normalizeName(name)) === undefined;
  const domain = isName ? registeredDomain(name) : undefined;
  if (name !== undefined && domain === undefined) throw wrongDomain(name);
  const isGranted = domain !== undefined && certificatesPerDomain !== undefined;
  const limits = caLimitsOf(ca, {
    ordersPerAccount,
    certificatesPerDomain: isGranted ? { [domain]: certificatesPerDomain } : undefined,
  });
  if (limits === undefined) throw unlimitedError(ca);
  const result = { ca, domain, ...forecastOnboarding(limits, options.forecast, domain) };
  print(await formatOutput(options, result, forecastText));
}

function unlimitedError(host: string): CertmanError {
  return new CertmanError({
    code: 'configuration/invalid',
    message: `certman knows no limits of the CA ${host}.`,
    remedy: 'Pass the host of a directory of Let’s Encrypt to --ca, or leave it out.',
  });
}

function wrongDomain(found: string): UsageError {
  return new UsageError(
    `--domain is ${quoted(found)}; expected a registered domain or a name below one, such as example.com or p1.example.com, and no public suffix, below which each name has limits of its own`,
  );
}

/** Parses a number of these. The limits of overrides are those of the CA's form, src/rate-limit/forecast.ts. */
function between(least: number, most: number) {
  return (text: string): number => {
    const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (count >= least && count <= most) return count;
    throw new InvalidArgumentError(`Expected a number from ${least} to ${most}.`);
  };
}
