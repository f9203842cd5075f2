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

/** certman's own settings of the connection. */
export interface OwnTemporalSettings {
  /** Without TLS, to another host. */
  readonly allowPlaintextTemporal?: boolean;
  readonly temporalApiKey?: string | undefined;
}

/** @returns undefined after adding what is wrong to `problems`. */
export function loadTemporalSettings(
  environment: Environment,
  { allowPlaintextTemporal = false, temporalApiKey }: OwnTemporalSettings,
  problems: ConfigurationProblem[],
): TemporalSettings | undefined {
  const set = Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1]));
  if (temporalApiKey !== undefined) {
    if (environment['TEMPORAL_API_KEY']) {
      problems.push({
        setting: 'TEMPORAL_API_KEY',
        reason: 'is set, and CERTMAN_TEMPORAL_API_KEY_FILE too',
        expected: 'one of them',
      });
    }
    set.push(['TEMPORAL_API_KEY', temporalApiKey]);
  }
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(set) });
    const { address = 'localhost:7233', tls, apiKey, metadata } = connectionOptions;
    const parsed = parseHostAndPort(address, { port: 7233 });
    if (parsed === undefined) {
      problems.push({ setting: 'TEMPORAL_ADDRESS', found: address, expected: 'host:port, such as localhost:7233' });
      return undefined;
    }
    const loopback = LOOPBACK.test(parsed.host);
    // As the SDK: an API key enables TLS unless it is disabled.
    const encrypted = tls ?? apiKey !== undefined;
    if (!loopback && encrypted === false && !allowPlaintextTemporal) {
      problems.push({
        setting: 'TEMPORAL_TLS',
        reason: `is not enabled, and Temporal at ${address} is on another host`,
        expected:
          'true, TEMPORAL_TLS_* or an API key; or CERTMAN_ALLOW_PLAINTEXT_TEMPORAL=true, where the network between is trusted',
      });
      return undefined;
    }
    return {
      address,
      namespace: namespace ?? 'default',
      loopback,
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
