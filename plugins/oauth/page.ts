/** The page that a browser sees at the end. It asks for nothing else, here or anywhere. */

export interface PageFacts {
  readonly title: string;
  readonly text: string;
}

export function page({ title, text }: PageFacts): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em}</style>
<h1>${escape(title)}</h1>
<p>${escape(text)}</p>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
