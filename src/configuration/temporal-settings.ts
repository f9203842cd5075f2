/** Settings as the `temporal` CLI reads them: https://docs.temporal.io/develop/environment-configuration */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { parseHostAndPort } from '../dns/host-and-port.ts';
import type { ConfigurationProblem, Environment } from './configuration-error.ts';

type ConnectOptions = ReturnType<typeof loadClientConnectConfig>['connectionOptions'];

/** How to connect to Temporal. */
export interface TemporalSettings {
  /** host:port. */
  readonly address: string;
  readonly namespace: string;
  readonly loopback: boolean;
  /** As both the native and the gRPC connection take it. */
  readonly connectionOptions: Pick<ConnectOptions, 'tls' | 'apiKey' | 'metadata'> & { readonly address: string };
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

/** @returns undefined after adding what is wrong to `problems`. */
export function loadTemporalSettings(
  environment: Environment,
  problems: ConfigurationProblem[],
): TemporalSettings | undefined {
  const set = Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1]));
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(set) });
    const { address = 'localhost:7233', tls, apiKey, metadata } = connectionOptions;
    const parsed = parseHostAndPort(address, { port: 7233 });
    if (parsed === undefined) {
      problems.push({ setting: 'TEMPORAL_ADDRESS', found: address, expected: 'host:port, such as localhost:7233' });
      return undefined;
    }
    return {
      address,
      namespace: namespace ?? 'default',
      loopback: LOOPBACK.test(parsed.host),
      connectionOptions: { address, tls, apiKey, metadata },
    };
  } catch (error) {
    // The library's messages name variables, files and TOML positions, never a value.
    const reason = error instanceof Error ? error.message : String(error);
    problems.push({
      setting: 'TEMPORAL_*',
      reason: `cannot be used (${reason.slice(0, 200)})`,
      expected: "Temporal's environment configuration as the temporal CLI takes it",
    });
    return undefined;
  }
}
