import { describe, expect, it } from "vitest";
import { boundaryOf, formScanner, type FormScanner } from "../../src/wire/form-scan.ts";

const file =
  'Content-Disposition: form-data; name="file"; filename="a; name=\\"model\\".mp3"\r\nContent-Type: audio/mpeg';
const model = 'Content-Disposition: form-data; name="model"';

/** A form of parts with headers and a value, with the boundary `X`. */
function form(...parts: readonly (readonly [headers: string, value: string])[]): string {
  return `${parts.map(([headers, value]) => `--X\r\n${headers}\r\n\r\n${value}\r\n`).join("")}--X--\r\n`;
}

/** Pushed in two pieces, cut at `at`. */
function scanned(text: string, at = 0): FormScanner {
  const scanner = formScanner("X");
  const bytes = Buffer.from(text);
  scanner.push(bytes.subarray(0, at));
  scanner.push(bytes.subarray(at));
  scanner.end();
  return scanner;
}

const forms: readonly (readonly [name: string, text: string])[] = [
  ["before the file", form([model, "mö/del-1"], [file, "\0\r\n--Y\r\n\r\n--X-ray\r\n--"])],
  ["behind the file", form([file, "\r\n\r\n--X and more\r\n--Xmodel"], [model, "mö/del-1"])],
  ["with a preamble and an epilogue", `hello\r\n${form([model, "mö/del-1"])}--X\r\n${model}\r\n\r\nother\r\n--X--`],
  ["with blanks behind the boundary", form([model, "mö/del-1"]).replaceAll("--X\r\n", "--X \t\r\n")],
  ["between parts without a name", form(["", ""], ["content-type: text/plain", "model"], [model, "mö/del-1"])],
  ["without quotes", form(["CONTENT-DISPOSITION:form-data;name=model", "mö/del-1"])],
];

describe("the field model", () => {
  it.each(forms)("is found %s, however the form is cut", (_name, text) => {
    const bytes = Buffer.from(text);
    const from = bytes.indexOf("mö/del-1");
    const whole = { value: "mö/del-1", from, to: from + 9 };
    for (let at = 0; at <= bytes.length; at++) expect(scanned(text, at).model).toEqual(whole);
  });

  it("is found byte by byte, and only once all of it has passed", () => {
    const bytes = Buffer.from(form([file, "--X"], [model, "m"], [file, "x"]));
    const scanner = formScanner("X");
    const end = bytes.indexOf("\r\n\r\nm\r\n") + 5 + "\r\n--X\r\n".length;
    for (const [at] of bytes.entries()) {
      scanner.push(bytes.subarray(at, at + 1));
      expect(scanner.model === undefined).toBe(at + 1 < end);
    }
    scanner.end();
  });
});

describe("a form is refused", () => {
  it.each([
    ["that is something else", '{"model":"m"}', 'does not hold the boundary "--X"'],
    ["that is empty", "", 'does not hold the boundary "--X"'],
    ["that breaks off in a file", form([model, "m"], [file, "abc"]).slice(0, -9), 'its last line "--X--" is missing'],
    ["that breaks off in headers", `--X\r\n${model}`, 'its last line "--X--" is missing'],
    ["that breaks off inside the last line", form([model, "m"]).slice(0, -3), 'its last line "--X--" is missing'],
    ["without model", form([file, "model"]), 'no field "model"'],
    ["whose model is empty", form([model, ""]), '"model" is empty'],
    ["with two models", form([model, "a"], [model, "b"]), 'two fields "model"'],
    ["whose model is no name", form([model, "m".repeat(1025)]), "longer than 1024 bytes"],
    ["with endless headers", form([`x: ${"y".repeat(17_000)}`, ""]), "at byte 5 whose headers are longer than 16384"],
  ])("%s, however it is cut", (_name, text, message) => {
    const step = Math.max(1, Math.floor(text.length / 200));
    for (let at = 0; at <= text.length; at += step) {
      expect(() => scanned(text, at)).toThrow(expect.objectContaining({ kind: "invalid_request", status: 400 }));
      expect(() => scanned(text, at)).toThrow(message);
    }
  });

  it("as soon as its model is too long, not at its end", () => {
    const scanner = formScanner("X");
    scanner.push(Buffer.from(`--X\r\n${model}\r\n\r\n`));
    expect(() => {
      for (let sent = 0; sent < 2000; sent += 100) scanner.push(Buffer.alloc(100, 97));
    }).toThrow("longer than 1024 bytes");
  });
});

describe("the boundary", () => {
  it.each([
    ["multipart/form-data; boundary=abc", "abc"],
    ['multipart/form-data; charset=utf-8; Boundary="a b:c"', "a b:c"],
    [
      "multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW ; x=y",
      "----WebKitFormBoundary7MA4YWxkTrZu0gW",
    ],
  ])("of %s is %s", (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary);
  });

  it.each([
    "multipart/form-data",
    "multipart/form-data; boundary=",
    `multipart/form-data; boundary=${"x".repeat(201)}`,
  ])("is missed in %.60s", (type) => {
    expect(() => boundaryOf(type)).toThrow("names no boundary");
  });
});
