/**
 * The credential plugin of a kubeconfig (`exec`): a program that prints a token or a client certificate. client-node runs it too,
 * but waits for it for ever, and keeps all requests waiting with it.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
import { execFile } from 'node:child_process';
import type { KubeConfig, User } from '@kubernetes/client-node';
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';

/** kubelogin gives a person three minutes for the login. */
const TIMEOUT_MS = 200_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_REASON_LENGTH = 300;
/** By it, client-node asks this class: it has an authenticator of its own for what it knows as `exec`. */
const PROVIDER = 'certman-credential-plugin';

const execSchema = z.object({
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
});
type Exec = z.infer<typeof execSchema>;

const credentialSchema = z.object({
  status: z.object({
    token: z.string().optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
    expirationTimestamp: z.string().optional(),
  }),
});
type Credential = z.infer<typeof credentialSchema>['status'];

type Authenticator = Parameters<KubeConfig['addAuthenticator']>[0];

/** A plugin has not answered in time: no failure of the API server. */
export class PluginTimeoutError extends CertmanError {
  /** @param command as the kubeconfig has it. @param within for people; absent: in the time of the caller. */
  constructor(command: string, within?: string) {
    super({
      code: 'kubernetes/unreachable',
      message: `The credential plugin ${oneLine(command, MAX_REASON_LENGTH)} of the kubeconfig has not answered${within === undefined ? '' : ` within ${within}`}.`,
      remedy:
        'Run it by itself, as the kubeconfig has it (users[].user.exec): it may wait for a login, or for a server that cannot be reached.',
    });
  }
}

/** Runs the plugin of a kubeconfig's user. */
export class CredentialPlugin implements Authenticator {
  readonly #timeoutMs: number;
  readonly #ended = new AbortController();
  #cached: Credential | undefined;
  #running: string | undefined;

  /**
   * Takes the place of client-node's. @returns undefined where the current user has none, or none that client-node would run.
   * @param timeoutMs of one run.
   */
  static in(config: KubeConfig, timeoutMs = TIMEOUT_MS): CredentialPlugin | undefined {
    const current = config.getCurrentUser();
    const exec: unknown = current?.exec ?? current?.authProvider?.config?.exec;
    // What is no plugin is refused by client-node, in its words.
    const { data } = execSchema.safeParse(exec);
    if (current === null || data === undefined) return undefined;
    const plugin = new CredentialPlugin(timeoutMs);
    const changed = { ...current, exec: undefined, authProvider: { name: PROVIDER, config: data } };
    config.users = config.users.map((user) => (user === current ? changed : user));
    config.addAuthenticator(plugin);
    return plugin;
  }

  private constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** The command that runs now. */
  get running(): string | undefined {
    return this.#running;
  }

  isAuthProvider({ authProvider }: User): boolean {
    return authProvider?.name === PROVIDER;
  }

  /** @throws PluginTimeoutError; Error of one that fails, or prints something else. */
  async applyAuthentication({ authProvider }: User, options: Parameters<Authenticator['applyAuthentication']>[1]) {
    const { token, clientCertificateData, clientKeyData } = await this.#credential(
      execSchema.parse(authProvider.config),
    );
    if (clientCertificateData !== undefined) options.cert = clientCertificateData;
    if (clientKeyData !== undefined) options.key = clientKeyData;
    if (token !== undefined) options.headers = { ...options.headers, Authorization: `Bearer ${token}` };
  }

  /** Ends one that runs. */
  end(): void {
    this.#ended.abort();
  }

  async #credential(exec: Exec): Promise<Credential> {
    const { expirationTimestamp } = this.#cached ?? {};
    const isExpired = expirationTimestamp !== undefined && Date.parse(expirationTimestamp) <= Date.now();
    if (this.#cached !== undefined && !isExpired) return this.#cached;
    this.#running = exec.command;
    try {
      this.#cached = credentialOf(exec.command, await this.#run(exec));
      return this.#cached;
    } finally {
      this.#running = undefined;
    }
  }

  /** Its standard output. One that does not end is killed: it may ignore what asks it to. */
  #run({ command, args, env }: Exec): Promise<string> {
    const options = {
      ...(env && { env: { ...process.env, ...Object.fromEntries(env.map(({ name, value }) => [name, value])) } }),
      timeout: this.#timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
      signal: this.#ended.signal,
    } as const;
    return new Promise((resolve, reject) => {
      const plugin = execFile(command, args ?? [], options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else if (error.killed === true && typeof error.code !== 'string')
          reject(new PluginTimeoutError(command, `${this.#timeoutMs / 1_000} s`));
        else reject(new Error(oneLine(stderr.trim() || error.message, MAX_REASON_LENGTH), { cause: error }));
      });
      // Nothing is to be read there.
      plugin.stdin?.end();
    });
  }
}

/** The output is not quoted: it may have the token. */
function credentialOf(command: string, output: string): Credential {
  try {
    return credentialSchema.parse(JSON.parse(output)).status;
  } catch {
    throw new Error(
      `the credential plugin ${oneLine(command, MAX_REASON_LENGTH)} prints something that is no ExecCredential`,
    );
  }
}
