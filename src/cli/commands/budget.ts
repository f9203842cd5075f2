import { Command, InvalidArgumentError } from 'commander';
import { dnsNameProblem, normalizeName, quoted } from '../../certificates/dns-name.ts';
import { CertmanError } from '../../failures/failure.ts';
import { UsageError } from '../arguments.ts';
import { formatResult, print } from '../output.ts';

const MAX_CLUSTERS = 10_000;

interface BudgetOptions {
  readonly forecast: number;
  readonly domain: string;
  readonly ca: string;
  readonly ordersPerAccount?: number;
  readonly certificatesPerDomain?: number;
  readonly json?: true;
}

/** `certman budget --forecast`: when clusters to come would have their certificates. */
export function budgetCommand(): Command {
  return new Command('budget')
    .summary('forecast when new clusters have their certificates')
    .description(
      "Says when new clusters below a domain would have their certificates by the CA's limits, as if all of them were installed now and nothing were used, and which override to ask the CA for. Asks neither the CA nor Temporal.",
    )
    .requiredOption(
      '--forecast <clusters>',
      `number of clusters, each with one certificate (at most ${MAX_CLUSTERS})`,
      between(1, MAX_CLUSTERS),
    )
    .requiredOption('--domain <name>', 'domain of their names, such as example.com')
    .option('--ca <host>', "host of the CA's directory", 'acme-v02.api.letsencrypt.org')
    .option(
      '--orders-per-account <n>',
      'the account may place so many orders in 7 days, by an override (without one: 300 in 3 hours)',
      between(1_000, 1_000_000),
    )
    .option(
      '--certificates-per-domain <n>',
      'the domain may have so many certificates in 7 days, by an override (without one: 50)',
      between(300, 2_500_000),
    )
    .option('--json', 'print JSON')
    .action(forecast);
}

async function forecast(options: BudgetOptions): Promise<void> {
  const { registeredDomain } = await import('../../acme/registered-domains.ts');
  const { caLimitsOf } = await import('../../rate-limit/ca-limits.ts');
  const { forecastOnboarding } = await import('../../rate-limit/forecast.ts');
  const { forecastText } = await import('../forecast-text.ts');
  const domain =
    dnsNameProblem(normalizeName(options.domain)) === undefined ? registeredDomain(options.domain) : undefined;
  if (domain === undefined) throw wrongDomain(options.domain);
  const { ca, ordersPerAccount, certificatesPerDomain } = options;
  const limits = caLimitsOf(ca, {
    ordersPerAccount,
    certificatesPerDomain: certificatesPerDomain === undefined ? undefined : { [domain]: certificatesPerDomain },
  });
  if (limits === undefined) throw unlimitedError(ca);
  const result = { ca, domain, ...forecastOnboarding(limits, options.forecast, domain) };
  print(formatResult(options, result, forecastText));
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
