/** `npm run stack -- up|status|logs|down`: the systems that certman talks to, as real programs on this machine. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { executables } from './build/executables.ts';
import { down } from './commands/down.ts';
import { logs } from './commands/logs.ts';
import { createOutput } from './commands/output.ts';
import { status } from './commands/status.ts';
import type { UpOptions } from './commands/up.ts';
import { LocalStackError, messageOf } from './local-stack-error.ts';
import { ALL_TOOLS, TOOLS, type ToolName } from './versions.ts';

interface Common {
  readonly state: string;
  readonly json: boolean;
}

const DEFAULT_STATE = '.certman/stack';

function lines(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 10_000) return value;
  throw new InvalidArgumentError('a whole number from 0 to 10000');
}

const interrupted = new AbortController();

function program(): Command {
  const root = new Command('stack')
    .description(
      'The local stack: Temporal, Kubernetes API, ACME CA, Route 53 and DNS on loopback, without containers.',
    )
    .showHelpAfterError();
  const command = (name: string, description: string): Command =>
    root
      .command(name)
      .description(description)
      .option('--state <folder>', 'folder for everything that the stack writes', DEFAULT_STATE)
      .option('--json', 'print the result as JSON', false);
  command(
    'up',
    'Starts the stack until Ctrl-C. The first start downloads the parts, or builds those that cannot be downloaded.',
  )
    .option('--detach', 'run in the background until `down`', false)
    .option('--keep', 'keep the objects and workflows of the last run', false)
    .option('--zone <name>', 'name of the first hosted zone', 'demo.example.com')
    .action(async ({ detach, keep, zone, state, json }: Common & { detach: boolean; keep: boolean; zone: string }) => {
      // Loaded here: it takes a second, and no other command needs it.
      const { upInBackground, upInForeground } = await import('./commands/up.ts');
      const options: UpOptions = { stateDir: resolve(state), keep, zone, json };
      if (detach) await upInBackground(options, createOutput(json));
      else await upInForeground(options, createOutput(json), interrupted.signal);
    });
  command('status', 'Shows which parts run, and their addresses. Exit code 1 unless all run.').action(
    async ({ state, json }: Common) => {
      if (!(await status(resolve(state), createOutput(json)))) process.exitCode = 1;
    },
  );
  command('logs', 'Prints the logs of the parts.')
    .argument('[parts...]', 'only these, such as pebble or worker')
    .option('-f, --follow', 'print new lines until Ctrl-C', false)
    .option('-n, --lines <count>', 'lines of each part', lines, 10)
    .action(async (parts: string[], { state, follow, lines: count }: Common & { follow: boolean; lines: number }) => {
      const options = { stateDir: resolve(state), parts, follow, lines: count };
      await logs(options, (line) => process.stdout.write(`${line}\n`), interrupted.signal);
    });
  command('down', 'Stops the stack and every process of it.').action(async ({ state, json }: Common) => {
    await down(resolve(state), createOutput(json));
  });
  root
    .command('build')
    .description('Downloads or builds missing parts, and prints their paths; starts nothing.')
    .argument('[tools...]', `any of ${ALL_TOOLS.join(', ')}`)
    .action(async (tools: string[]) => {
      const unknown = tools.filter((tool) => !(tool in TOOLS));
      if (unknown.length > 0) throw new LocalStackError({ message: `Unknown tools: ${unknown.join(', ')}.` });
      const names = tools.length === 0 ? ALL_TOOLS : (tools as readonly ToolName[]);
      const paths = await executables(names, { signal: interrupted.signal });
      for (const [index, name] of names.entries()) process.stdout.write(`${name.padEnd(24)} ${paths[index]}\n`);
    });
  return root;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());

try {
  await program().parseAsync();
} catch (error) {
  if (interrupted.signal.aborted) {
    process.exitCode = 130;
  } else {
    process.stderr.write(`${error instanceof LocalStackError ? error.message : messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
