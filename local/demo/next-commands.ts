/** What the demo suggests to try, each of which works as it is printed. */

/** A command, and what it shows. */
export interface NextCommand {
  readonly command: string;
  readonly shows: string;
}

/** Five commands for a cluster that has its certificate. @param cluster `<namespace>/<name>` */
export function nextCommands(cluster: string): readonly NextCommand[] {
  return [
    { command: `npx certman explain ${cluster}`, shows: 'where is it, why, what is next, is it served' },
    {
      command: `npx certman revoke ${cluster} --reason keyCompromise --yes`,
      shows: 'replaces it, then has the CA revoke it',
    },
    { command: `npx certman history ${cluster}`, shows: 'every certificate that it had, why, by whom' },
    { command: 'npx certman ca check -A', shows: 'can the CA issue for every cluster' },
    { command: 'npx certman dns sweep', shows: 'TXT records that a crash left behind' },
  ];
}

/** As lines to copy. */
export function formatCommands(commands: readonly NextCommand[]): readonly string[] {
  const width = Math.max(...commands.map(({ command }) => command.length));
  return commands.map(({ command, shows }) => `  ${command.padEnd(width)}  # ${shows}`);
}
