/** `npm run bench -- NAME`: the figures of README and docs. Each bench prints a table and ends with one line of JSON. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { KeyType } from './acme-client-baseline.ts';
import { benchBurst } from './burst.ts';
import { benchCost, type CostBenchOptions } from './cost.ts';
import { benchDns } from './dns.ts';
import { benchStatus, type StatusBenchStore } from './fleet-status.ts';
import { benchIssuance } from './issuance.ts';
import { benchLifetime } from './lifetime.ts';
import { benchOnboarding } from './onboarding.ts';
import { benchPostgres } from './postgres.ts';
import { benchRenewalWave } from './renewal-wave.ts';
import { benchRequests } from './requests.ts';
import { benchReservations, type ReservationsBenchOptions } from './reservations.ts';
import { benchRoute53Zones } from './route53-zones.ts';
import { benchScaleOut, type ScaleOutBenchOptions } from './scale-out.ts';
import { benchScrape } from './scrape.ts';
import { benchSleepers } from './sleepers.ts';
import { benchWatch } from './watch.ts';

/** For the parts in Go: an API server that has 10,000 clusters near its limit does nothing but collect garbage. */
process.env['GOMEMLIMIT'] ??= '6GiB';

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new InvalidArgumentError('a number from 1 to 100000');
  return value;
}

function cores(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a share of a core, such as 0.25');
  return value;
}

function counts(text: string): readonly number[] {
  return text.split(',').map(count);
}

const program = new Command('bench').description('Measures certman on the real local parts, as ratios within one run.');

program
  .command('issuance')
  .description('N clusters of three names installed at once, compared with a bare acme-client loop on the same CA')
  .option('--clusters <n>', 'number of clusters', count, 200)
  .addOption(
    new Option('--key-type <type>', 'of the certificates')
      .choices(['p-256', 'rsa-2048', 'both'])
      .default('both', 'both, in turn'),
  )
  .option('--state <folder>', 'folder for logs', '.certman/bench')
  .action(
    async (options: { readonly clusters: number; readonly keyType: KeyType | 'both'; readonly state: string }) => {
      const keyTypes: readonly KeyType[] = options.keyType === 'both' ? ['p-256', 'rsa-2048'] : [options.keyType];
      const result = await benchIssuance({ clusters: options.clusters, keyTypes, stateDir: resolve(options.state) });
      process.stdout.write(`${JSON.stringify(result)}\n`);
    },
  );

program
  .command('postgres')
  .description('issuance on the Temporal server of production with PostgreSQL, beside the development server')
  .option('--clusters <n>', 'number of clusters', count, 100)
  .option('--state <folder>', 'folder for logs', '.certman/bench/postgres')
  .action(async ({ clusters, state }: { readonly clusters: number; readonly state: string }) => {
    const result = await benchPostgres({ clusters, stateDir: resolve(state) });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });

program
  .command('scale-out')
  .description('N clusters installed at once with one, two and four workers, and on two management clusters')
  .option('--clusters <n>', 'number of clusters', count, 100)
  .option('--workers <list>', 'numbers of workers, separated by commas', counts, [1, 2, 4])
  .option('--worker-cores <share>', 'limit of each worker, by a control group (root on Linux)', cores)
  .option('--no-two-management-clusters', 'leaves the run on two management clusters out')
  .addOption(new Option('--store <store>', 'of Temporal').choices(['sqlite', 'postgres']).default('sqlite'))
  .option('--state <folder>', 'folder for logs', '.certman/bench/scale-out')
  .action(async ({ state, ...options }: Omit<ScaleOutBenchOptions, 'stateDir'> & { readonly state: string }) => {
    const result = await benchScaleOut({ ...options, stateDir: resolve(state) });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });

program
  .command('cost')
  .description('actions and bytes on Temporal Cloud: of a certificate, counted; of a fleet and year, on paper')
  .option('--clusters <n>', 'certificates over which the counts are averaged', count, 10)
  .option('--fleets <list>', 'numbers of certificates, separated by commas', counts, [1_000, 10_000])
  .option('--state <folder>', 'folder for logs', '.certman/bench/cost')
  .action(async ({ state, ...options }: Omit<CostBenchOptions, 'stateDir'> & { readonly state: string }) => {
    process.stdout.write(`${JSON.stringify(await benchCost({ ...options, stateDir: resolve(state) }))}\n`);
  });

program
  .command('burst')
  .description('N clusters of three names installed at once, after a few: the rate must not fall with the number')
  .option('--clusters <n>', 'number of clusters', count, 2_000)
  .option('--few <n>', 'number of clusters of the burst that it is compared with', count, 200)
  .addOption(new Option('--key-type <type>', 'of the certificates').choices(['p-256', 'rsa-2048']).default('rsa-2048'))
  .option('--cached-workflows <n>', 'that the worker keeps in memory; default: its own', count)
  .option('--state <folder>', 'folder for logs', '.certman/bench/burst')
  .action(
    async ({
      state,
      ...options
    }: {
      readonly clusters: number;
      readonly few: number;
      readonly keyType: KeyType;
      readonly cachedWorkflows?: number;
      readonly state: string;
    }) => {
      process.stdout.write(`${JSON.stringify(await benchBurst({ ...options, stateDir: resolve(state) }))}\n`);
    },
  );

program
  .command('requests')
  .description('requests of one certificate of three names to the CA, Route 53, DNS, Kubernetes and Temporal')
  .option('--state <folder>', 'folder for logs', '.certman/bench/requests')
  .action(async (options: { readonly state: string }) => {
    process.stdout.write(`${JSON.stringify(await benchRequests({ stateDir: resolve(options.state) }))}\n`);
  });

program
  .command('dns')
  .description(
    'requests per certificate to the CA, Route 53 and resolvers: by names, and by where their records are put',
  )
  .option('--clusters <n>', 'installed at once in one zone, and delegated to one challenge zone', count, 200)
  .option('--zones <n>', 'clusters installed at once with a zone each', count, 40)
  .option('--state <folder>', 'folder for logs', '.certman/bench/dns')
  .action(async (options: { readonly clusters: number; readonly zones: number; readonly state: string }) => {
    const { clusters, zones, state } = options;
    process.stdout.write(`${JSON.stringify(await benchDns({ clusters, zones, stateDir: resolve(state) }))}\n`);
  });

program
  .command('reservations')
  .description(
    "reservations a second that the budget of a CA's account answers, and what it keeps, on a real Temporal server",
  )
  .option('--rate <n>', 'reservations a second, of the paced phase', count, 100)
  .option('--seconds <n>', 'of each phase', count, 30)
  .option('--workers <n>', 'that ask', count, 4)
  .action(async (options: ReservationsBenchOptions) => {
    process.stdout.write(`${JSON.stringify(await benchReservations(options))}\n`);
  });

program
  .command('lifetime')
  .description('years of a cluster on a time-skipping server: renewals, orders, events, size of the carried state')
  .option('--years <n>', 'of 365 days each', count, 10)
  .option('--days <list>', 'lifetimes of the certificates, separated by commas', counts, [90, 64, 45, 6])
  .action(async (options: { readonly years: number; readonly days: readonly number[] }) => {
    process.stdout.write(`${JSON.stringify(await benchLifetime(options))}\n`);
  });

program
  .command('scrape')
  .description('/metrics of a worker whose controller holds a synthetic fleet of N CertificateRequests')
  .option('--requests <n>', 'number of CertificateRequests', count, 20_000)
  .action(async (options: { readonly requests: number }) => {
    process.stdout.write(`${JSON.stringify(await benchScrape(options))}\n`);
  });

program
  .command('status')
  .description('certman status of N clusters, on the development server and on the Temporal server of production')
  .option('--clusters <n>', 'number of clusters', count, 10_000)
  .addOption(new Option('--store <store>', 'of Temporal').choices(['sqlite', 'postgres', 'both']).default('both'))
  .option('--state <folder>', 'folder for logs', '.certman/bench/status')
  .action(
    async (options: {
      readonly clusters: number;
      readonly store: StatusBenchStore | 'both';
      readonly state: string;
    }) => {
      const { clusters, store, state } = options;
      const stores: readonly StatusBenchStore[] = store === 'both' ? ['sqlite', 'postgres'] : [store];
      process.stdout.write(`${JSON.stringify(await benchStatus({ clusters, stores, stateDir: resolve(state) }))}\n`);
    },
  );

program
  .command('sleepers')
  .description('a fleet of N clusters with two certificates each, none due: adoption, memory and CPU at rest, restart')
  .option('--clusters <n>', 'number of clusters', count, 10_000)
  .option('--rest <seconds>', 'for how long the worker is measured at rest', count, 120)
  .option('--state <folder>', 'folder for logs and the store of Temporal', '.certman/bench/sleepers')
  .action(async (options: { readonly clusters: number; readonly rest: number; readonly state: string }) => {
    const { clusters, rest: restSeconds, state } = options;
    const result = await benchSleepers({ clusters, restSeconds, stateDir: resolve(state) });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });

program
  .command('renewal-wave')
  .description('N clusters with a certificate each, all due within one minute: spread, requests a second, none late')
  .option('--clusters <n>', 'number of clusters', count, 1000)
  .option('--state <folder>', 'folder for logs', '.certman/bench/renewal-wave')
  .action(async (options: { readonly clusters: number; readonly state: string }) => {
    const result = await benchRenewalWave({ clusters: options.clusters, stateDir: resolve(options.state) });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });

program
  .command('watch')
  .description('the controller over N clusters: first picture, signals, memory, resync, take-over')
  .option('--clusters <n>', 'number of clusters', count, 10_000)
  .option('--changes <n>', 'number of changes whose signals are timed', count, 100)
  .option('--state <folder>', 'folder for logs', '.certman/bench/watch')
  .action(async (options: { readonly clusters: number; readonly changes: number; readonly state: string }) => {
    const { clusters, changes, state } = options;
    const result = await benchWatch({ clusters, changes: Math.min(changes, clusters), stateDir: resolve(state) });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });

program
  .command('route53-zones')
  .description('N clusters with a zone each in one AWS account: requests to Route 53 and minutes, at its rate limit')
  .option('--zones <n>', 'number of clusters and zones', count, 1_000)
  .option('--in-sync <seconds>', 'from a change until it is INSYNC', count, 40)
  .action(async (options: { readonly zones: number; readonly inSync: number }) => {
    const result = await benchRoute53Zones({ zones: options.zones, inSyncSeconds: options.inSync });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });

program
  .command('onboarding')
  .description("clusters installed in the same minute, under Let's Encrypt's limits: a simulation")
  .option('--clusters <list>', 'numbers of clusters, separated by commas', counts, [1_000, 5_000, 10_000])
  .action((options: { readonly clusters: readonly number[] }) => {
    process.stdout.write(`${JSON.stringify(benchOnboarding(options.clusters))}\n`);
  });

await program.parseAsync();
