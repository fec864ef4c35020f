"""Everyday sentences in Bashkir, Russian and English, written for this project.

They compare what tokenizers do to the same content; they are no training data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ParallelSentence:
    """One sentence in three languages."""

    bashkir: str
    russian: str
    english: str


PARALLEL: tuple[ParallelSentence, ...] = tuple(
    ParallelSentence(*line)
    for line in (
        ("Бөгөн һауа бик матур.", "Сегодня очень хорошая погода.", "The weather is very nice today."),
        ("Мин иртән сәғәт етелә торам.", "Я встаю утром в семь часов.", "I get up at seven in the morning."),
        ("Балалар мәктәпкә йәйәү бара.", "Дети ходят в школу пешком.", "The children walk to school."),
        ("Әсәйем аш бешерә.", "Моя мама варит суп.", "My mother is cooking soup."),
        ("Атайым китап уҡырға ярата.", "Мой отец любит читать книги.", "My father likes to read books."),
        ("Беҙҙең өйөбөҙ йылға буйында тора.", "Наш дом стоит на берегу реки.", "Our house stands by the river."),
        ("Һин ҡайҙа йәшәйһең?", "Где ты живёшь?", "Where do you live?"),
        ("Кисә ҡар яуҙы.", "Вчера шёл снег.", "It snowed yesterday."),
        (
            "Иртәгә беҙ урманға еләккә барабыҙ.",
            "Завтра мы пойдём в лес за ягодами.",
            "Tomorrow we are going to the forest for berries.",
        ),
        ("Өләсәйем миңә әкиәт һөйләне.", "Бабушка рассказала мне сказку.", "My grandmother told me a fairy tale."),
        ("Был китап күпме тора?", "Сколько стоит эта книга?", "How much does this book cost?"),
        ("Мин башҡорт телен өйрәнәм.", "Я изучаю башкирский язык.", "I am learning the Bashkir language."),
        ("Уның өс балаһы бар.", "У него трое детей.", "He has three children."),
        ("Ауылда яңы күпер төҙөнөләр.", "В деревне построили новый мост.", "They built a new bridge in the village."),
        ("Сәй эсергә килегеҙ!", "Приходите пить чай!", "Come and have some tea!"),
        ("Тәҙрәне асырға мөмкинме?", "Можно открыть окно?", "May I open the window?"),
        ("Атаһы улына ат бүләк итте.", "Отец подарил сыну лошадь.", "The father gave his son a horse."),
        ("Күлдә балыҡ күп.", "В озере много рыбы.", "There are many fish in the lake."),
        ("Ҡош ағас башына ҡунды.", "Птица села на верхушку дерева.", "The bird settled on the top of the tree."),
        ("Мин был һорауға яуап бирә алмайым.", "Я не могу ответить на этот вопрос.", "I cannot answer this question."),
        ("Дуҫым Өфөнән хат яҙҙы.", "Мой друг написал письмо из Уфы.", "My friend wrote a letter from Ufa."),
        ("Ҡышын көндәр ҡыҫҡа була.", "Зимой дни короткие.", "In winter the days are short."),
        (
            "Уҡытыусы балаларға яңы йыр өйрәтте.",
            "Учитель научил детей новой песне.",
            "The teacher taught the children a new song.",
        ),
        ("Һеҙгә ярҙам кәрәкме?", "Вам нужна помощь?", "Do you need help?"),
        ("Магазин сәғәт туғыҙҙа асыла.", "Магазин открывается в девять часов.", "The shop opens at nine o'clock."),
        ("Беҙ кис буйы йырланыҡ һәм бейенек.", "Мы весь вечер пели и танцевали.", "We sang and danced all evening."),
        ("Ул эшенән арып ҡайтты.", "Он вернулся с работы усталым.", "He came home tired from work."),
        ("Баҡсала алмалар өлгөрҙө.", "В саду созрели яблоки.", "The apples have ripened in the garden."),
        ("Минең исемем Айгөл.", "Меня зовут Айгуль.", "My name is Aigul."),
        ("Юл буйлап ҡайындар үҫә.", "Вдоль дороги растут берёзы.", "Birches grow along the road."),
        (
            "Ҡулдарығыҙҙы йыуып, өҫтәл янына ултырығыҙ.",
            "Вымойте руки и садитесь за стол.",
            "Wash your hands and sit down at the table.",
        ),
        ("Эт ҡапҡа төбөндә ята.", "Собака лежит у ворот.", "The dog is lying at the gate."),
        (
            "Йәйен беҙ ҡартатайға ҡунаҡҡа барҙыҡ.",
            "Летом мы ездили в гости к дедушке.",
            "In summer we went to visit Grandfather.",
        ),
        ("Был йырҙы бөтә халыҡ белә.", "Эту песню знает весь народ.", "All the people know this song."),
        (
            "Ямғыр туҡтағас, ҡояш сыҡты.",
            "Когда дождь кончился, выглянуло солнце.",
            "When the rain stopped, the sun came out.",
        ),
        ("Хәлегеҙ нисек?", "Как у вас дела?", "How are you?"),
    )
)
