"""An argument list as a command: files with the options that stand before them, and back, word for word.

`emit(parse(words)) == words` holds for every list of strings. An option keeps its place, so a command printed after an
edit differs from the original only where it was edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from scaleplex.ffmpeg import options as table


@dataclass(frozen=True, slots=True)
class Option:
    """One option as it was written.

    Attributes:
        name: the word without dash and specifier, in the spelling of the argv (`c` stays `c`).
        specifier: what follows the first colon, None without a colon.
        value: the next word, None for a flag and for an option whose value is missing at the end of the list.
        key: the long name, so that `-c:0` and `-codec:0` are one option.
    """

    name: str
    specifier: str | None = None
    value: str | None = None
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look the long name up once: it is asked for a thousand times in a translation."""
        object.__setattr__(self, "key", table.ALIASES.get(self.name, self.name))

    @property
    def flag(self) -> str:
        """The first word of the option, `-codec:0`."""
        return "-" + self.name if self.specifier is None else f"-{self.name}:{self.specifier}"

    def words(self) -> tuple[str, ...]:
        """Return the words that make up the option."""
        return (self.flag,) if self.value is None else (self.flag, self.value)


@dataclass(frozen=True, slots=True)
class File:
    """An input or an output with the options that stand before it."""

    options: tuple[Option, ...]
    url: str
    is_input: bool = False

    def find(self, name: str, specifier: str | None = None) -> Option | None:
        """Return the last option of that name and exact specifier, which is the one FFmpeg obeys."""
        for option in reversed(self.options):
            if option.key == name and option.specifier == specifier:
                return option
        return None

    def get(self, name: str, specifier: str | None = None) -> str | None:
        """Return the value of the option FFmpeg obeys, None if it is absent or a flag."""
        option = self.find(name, specifier)
        return None if option is None else option.value

    def every(self, name: str) -> tuple[Option, ...]:
        """Return all options of a name, whatever their specifier, in order."""
        return tuple(option for option in self.options if option.key == name)

    def has(self, name: str) -> bool:
        """Return whether an option of that name is present, whatever its specifier."""
        return any(option.key == name for option in self.options)

    def set(self, name: str, specifier: str | None, value: str) -> File:
        """Return the file with that option given the value; a new option goes to the end of the block."""
        found = self.find(name, specifier)
        if found is None:
            return replace(self, options=(*self.options, Option(name, specifier, value)))
        changed = replace(found, value=value)
        return replace(self, options=tuple(changed if o is found else o for o in self.options))

    def insert_after(self, anchor: Option, new: Sequence[Option]) -> File:
        """Return the file with options placed directly behind one that it holds."""
        place = next(i for i, option in enumerate(self.options) if option is anchor) + 1
        return replace(self, options=(*self.options[:place], *new, *self.options[place:]))

    def insert_before(self, anchor: Option, new: Sequence[Option]) -> File:
        """Return the file with options placed directly in front of one that it holds."""
        place = next(i for i, option in enumerate(self.options) if option is anchor)
        return replace(self, options=(*self.options[:place], *new, *self.options[place:]))

    def without(self, unwanted: Callable[[Option], bool]) -> File:
        """Return the file without the options the predicate names."""
        kept = tuple(option for option in self.options if not unwanted(option))
        return self if len(kept) == len(self.options) else replace(self, options=kept)

    def words(self) -> Iterator[str]:
        """Yield the words of the block."""
        for option in self.options:
            yield from option.words()
        if self.is_input:
            yield "-i"
        yield self.url


@dataclass(frozen=True, slots=True)
class Command:
    """A whole argument list.

    Attributes:
        files: inputs and outputs in their order.
        trailing: options after the last file; older servers put the global ones there.
    """

    files: tuple[File, ...]
    trailing: tuple[Option, ...] = ()

    @property
    def inputs(self) -> tuple[File, ...]:
        """The files read, in order; input N of FFmpeg is element N."""
        return tuple(file for file in self.files if file.is_input)

    @property
    def outputs(self) -> tuple[File, ...]:
        """The files written, in order."""
        return tuple(file for file in self.files if not file.is_input)

    def options(self) -> Iterator[Option]:
        """Yield every option of the command."""
        for file in self.files:
            yield from file.options
        yield from self.trailing

    def map_options(self, change: Callable[[Option], Option | None]) -> Command:
        """Return the command with every option passed through a function; None removes it."""

        def run(block: Iterable[Option]) -> tuple[Option, ...]:
            return tuple(new for option in block if (new := change(option)) is not None)

        files = tuple(replace(file, options=run(file.options)) for file in self.files)
        return Command(files, run(self.trailing))

    def map_inputs(self, change: Callable[[int, File], File]) -> Command:
        """Return the command with every input passed through a function of its number and itself."""
        return self._map(change, wanted=True)

    def map_outputs(self, change: Callable[[int, File], File]) -> Command:
        """Return the command with every output passed through a function of its number and itself."""
        return self._map(change, wanted=False)

    def _map(self, change: Callable[[int, File], File], wanted: bool) -> Command:
        files: list[File] = []
        number = 0
        for file in self.files:
            if file.is_input is wanted:
                file = change(number, file)
                number += 1
            files.append(file)
        return Command(tuple(files), self.trailing)


def parse(words: Sequence[str]) -> Command:
    """Take an argument list apart, the program name not included.

    Never raises: a word that is no option and no value is an output, an option whose value is missing has none.
    """
    files: list[File] = []
    pending: list[Option] = []
    place, end = 0, len(words)
    while place < end:
        word = words[place]
        place += 1
        if len(word) < 2 or word[0] != "-":
            files.append(File(tuple(pending), word))
            pending = []
        elif word == "-i" and place < end:
            files.append(File(tuple(pending), words[place], True))
            pending = []
            place += 1
        else:
            name, colon, specifier = word[1:].partition(":")
            value = None
            if place < end and table.takes_value(name):
                value = words[place]
                place += 1
            pending.append(Option(name, specifier if colon else None, value))
    return Command(tuple(files), tuple(pending))


def emit(command: Command) -> list[str]:
    """Put a command together as an argument list."""
    words: list[str] = []
    for file in command.files:
        words.extend(file.words())
    for option in command.trailing:
        words.extend(option.words())
    return words
