import { Command, InvalidArgumentError } from 'commander';
import { CertmanError } from '../../failures/failure.ts';
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
      clusters,
    )
    .requiredOption('--domain <name>', 'domain of their names')
    .option('--ca <host>', "host of the CA's directory", 'acme-v02.api.letsencrypt.org')
    .option('--orders-per-account <n>', 'the account may place so many orders in 3 hours, by an override', positive)
    .option(
      '--certificates-per-domain <n>',
      'the domain may have so many certificates in 7 days, by an override',
      positive,
    )
    .option('--json', 'print JSON')
    .action(forecast);
}

async function forecast(options: BudgetOptions): Promise<void> {
  const { registeredDomains } = await import('../../acme/registered-domains.ts');
  const { caLimitsOf } = await import('../../rate-limit/ca-limits.ts');
  const { forecastOnboarding } = await import('../../rate-limit/forecast.ts');
  const { forecastText } = await import('../forecast-text.ts');
  const [domain = options.domain] = registeredDomains([options.domain]);
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

function clusters(text: string): number {
  const count = positive(text);
  if (count > MAX_CLUSTERS) throw new InvalidArgumentError(`At most ${MAX_CLUSTERS}.`);
  return count;
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('A number of 1 or more.');
  return Number(text);
}
