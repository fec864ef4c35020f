"""School lessons about words: any noun and verb of the lexicon may stand in them. Written for this project."""

from __future__ import annotations

from .genre import Genre

LESSON = Genre(
    "lesson",
    openings=(
        "{village} мәктәбендә башҡорт теле дәресе үтте. Дәресте {hero.full} алып барҙы.",
        "Бөгөн дәрестә {hero.full} балалар менән һүҙҙәрҙе тикшерҙе.",
        "{hero.full} балаларға диктант яҙҙырҙы.",
    ),
    body=(
        "«{*person_word}», «{*person_word}», «{*person_word.pl}» һүҙҙәре «кем?» тигән һорауға яуап бирә.",
        "«{*place_word}», «{*thing_word}» һәм «{*plant_word}» «нимә?» тигән һорауға яуап бирә.",
        "{hero.ref} таҡтаға «{*thing_word.pl}» тип яҙҙы.",
        "{man} «{*animal_word.gen}» һәм «{*person_word.gen}» һүҙҙәрен эйәлек килештә яҙҙы.",
        "{woman} «{*place_word.dat}» һүҙенең төбәү килештә тороуын әйтте.",
        "«{*thing_word.acc}», «{*food_word.acc}» — төшөм килештәге һүҙҙәр.",
        "«{*place_word.loc}» һәм «{*place_word.pl.loc}» һүҙҙәре урын-ваҡыт килештә тора.",
        "«{*place_word.abl}» сығанаҡ килештә, «{*animal_word.pl.abl}» ла шулай уҡ.",
        "«{*verb_word.present}» — хәҙерге заман, «{*verb_word.past}» — үткән заман.",
        "{man2} «{*doing_word.past_we}» менән «{*doing_word.past_they}» һүҙҙәрен айырҙы.",
        "«{*doing_word.if_you}» тигән һүҙҙә шарт ялғауы бар.",
        "«{*adjective_word}», «{*adjective_word}», «{*adjective_word}» — билдәне белдергән һүҙҙәр.",
        "{hero.ref} «{*gradable.more}» һүҙендәге ялғауҙы аңлатты.",
        "Балалар «{*thing_word.his}» һәм «{*body_word.my}» һүҙҙәрен уҡыны.",
        "{woman2} «{*verb_word.converb}» һәм «{*verb_word.infinitive}» һүҙҙәрен дәфтәренә күсерҙе.",
        "Хайуан исемдәре араһында «{*animal_word}», «{*animal_word}», «{*animal_word}» бар.",
        "Үҫемлектәргә «{*plant_word}», «{*plant_word}» һәм «{*plant_word}» ҡарай.",
        "Өйгә эш: «{*noun_word.pl.his}», «{*noun_word.pl.dat}», «{*verb_word.noun}» һүҙҙәрен "
        "<өйрәнергә|яҙырға|уҡырға>.",
    ),
    closings=(
        "Дәрес аҙағында {hero.ref} балаларҙы маҡтаны.",
        "{hero.ref} биргән өй эше <еңел|ҡыҙыҡлы|ҡыҫҡа> булды.",
        "Киләһе дәрестә балалар «{*noun_word}» тураһында хикәйә яҙасаҡ.",
    ),
    body_length=(9, 13),
)
