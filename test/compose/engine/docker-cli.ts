import { type CommandOptions, type CommandResult, runCommand, tryCommand } from './run-command.ts';

/** Compose's project: part of the names of its containers, images, network and volume. */
export const PROJECT = 'certman-test';

/** Variables of the environment by which the Docker CLI finds the engine, or why there is none. */
export type ProvidedEngine = { readonly variables: Readonly<Record<string, string>> } | { readonly reason: string };

type Options = Pick<CommandOptions, 'timeoutMs'>;

export interface DockerCli {
  /** Runs `docker ARGS`. @returns standard output. @throws Error with the output when the exit code is not 0. */
  readonly docker: (args: readonly string[], options?: Options) => Promise<string>;
  /** Runs `docker ARGS`, whatever its exit code. */
  readonly tryDocker: (args: readonly string[], options?: Options) => Promise<CommandResult>;
  /** Runs `docker compose ARGS` as {@link docker}. */
  readonly compose: (args: readonly string[], options?: Options) => Promise<string>;
}

/** The Docker CLI on the engine of this run. */
export function dockerCli(engine: ProvidedEngine): DockerCli {
  const environment = { ...process.env, ...('variables' in engine ? engine.variables : {}) };
  const docker: DockerCli['docker'] = (args, options) => runCommand('docker', args, { ...options, environment });
  return {
    docker,
    tryDocker: (args, options) => tryCommand('docker', args, { ...options, environment }),
    compose: (args, options) => docker(['compose', ...args], options),
  };
}
