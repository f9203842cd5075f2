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

const DEFAULT_ADDRESS = 'localhost:7233';
const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

/** @returns undefined after adding what is wrong to `problems`. */
export function loadTemporalSettings(
  environment: Environment,
  problems: ConfigurationProblem[],
): TemporalSettings | undefined {
  const variables = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => {
      const [name, text] = entry;
      return text !== undefined && text !== '' && (name.startsWith('TEMPORAL_') || isPathVariable(name));
    }),
  );
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: variables });
    const address = connectionOptions.address ?? DEFAULT_ADDRESS;
    const parsed = parseHostAndPort(address, { port: 7233 });
    if (parsed === undefined) {
      problems.push({ setting: 'TEMPORAL_ADDRESS', found: address, expected: 'host:port, such as localhost:7233' });
      return undefined;
    }
    const { tls, apiKey, metadata } = connectionOptions;
    return {
      address,
      namespace: namespace ?? 'default',
      loopback: LOOPBACK.test(parsed.host),
      connectionOptions: {
        address,
        tls,
        apiKey,
        metadata,
      },
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

/** The library derives the path of its default configuration file from these. */
function isPathVariable(name: string): boolean {
  return ['HOME', 'XDG_CONFIG_HOME', 'APPDATA', 'USERPROFILE'].includes(name);
}
