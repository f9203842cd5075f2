/** Links, anchors and commands of a Markdown document, as GitHub renders it. */

/** A link within the repository. */
export interface Link {
  /** As written, without the anchor; empty for one within the document. */
  readonly path: string;
  /** Without `#`. */
  readonly anchor?: string;
}

const CODE_BLOCK = /^[ \t]*```([^\n]*)\n([^]*?)^[ \t]*```/gm;
const CODE_SPAN = /`([^`\n]+)`/g;

/** Links to files and headings of the repository, from the text outside of code. */
export function linksIn(markdown: string): readonly Link[] {
  const text = markdown.replaceAll(CODE_BLOCK, '').replaceAll(CODE_SPAN, '');
  const targets = [
    ...[...text.matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map(([, target = '']) => target),
    ...[...text.matchAll(/^\[[^\]]+\]: (\S+)/gm)].map(([, target = '']) => target),
    ...[...text.matchAll(/\b(?:href|src)="([^"]+)"/g)].map(([, target = '']) => target),
  ];
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#');
      return anchor === undefined ? { path } : { path, anchor };
    });
}

/** The anchors of its headings. Source: https://docs.github.com/get-started/writing-on-github (section links). */
export function anchorsIn(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of markdown.replaceAll(CODE_BLOCK, '').matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(CODE_SPAN, '$1');
    const slug = text
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Mark}\p{Number}\p{Connector_Punctuation} -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** A command that a document names. */
export interface DocumentCommand {
  /** As written, for a message. */
  readonly text: string;
  /** Its arguments, as a shell splits them; a placeholder such as `<namespace>` is one word. */
  readonly words: readonly string[];
  /** In a code block, where it can be copied and run; a span may name a command without its arguments. */
  readonly isComplete: boolean;
}

/**
 * Commands that begin with one of these, from code spans and from code blocks, but for those of `text`, which are what a
 * command prints. A pod's command counts as well.
 */
export function commandsIn(markdown: string, starts: readonly string[]): readonly DocumentCommand[] {
  const blocks = [...markdown.matchAll(CODE_BLOCK)].flatMap(([, language, block = '']) =>
    language === 'text' ? [] : block.replaceAll(/\\\n\s*/g, ' ').split('\n'),
  );
  const spans = [...markdown.replaceAll(CODE_BLOCK, '').matchAll(CODE_SPAN)].map(([, span = '']) => span);
  return [
    ...blocks.flatMap((line) => commandsOfLine(line, starts, true)),
    ...spans.flatMap((span) => commandsOfLine(span, starts, false)),
  ];
}

/** A quoted text, a placeholder or a run of other characters belongs to a word; the rest separates commands. */
const WORD_OR_SEPARATOR = /(?:"[^"]*"|'[^']*'|<[^<>()|]*>|\$(?!\()|[^\s"'<>|;&()$])+|&&|\$\(|<\(|[<>|;&()]/g;

function commandsOfLine(line: string, starts: readonly string[], isComplete: boolean): readonly DocumentCommand[] {
  const commands: string[][] = [[]];
  for (const [word] of line.replace(/(^|\s)#.*$/, '').matchAll(WORD_OR_SEPARATOR)) {
    if (/^(&&|\$\(|<\(|[<>|;&()])$/.test(word)) commands.push([]);
    else commands.at(-1)?.push(word.replaceAll(/["']/g, ''));
  }
  return commands.flatMap((command) => {
    const words = command[0] === '$' ? command.slice(1) : command;
    const own = words[0] === 'kubectl' && words[1] === 'exec' ? words.slice(words.indexOf('--') + 1) : words;
    const start = starts.map((one) => one.split(' ')).find((one) => one.every((word, index) => own[index] === word));
    return start === undefined ? [] : [{ text: own.join(' '), words: own.slice(start.length), isComplete }];
  });
}
